package cleave.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.testkit.engine.EventConditions.event;
import static org.junit.platform.testkit.engine.EventConditions.finishedWithFailure;
import static org.junit.platform.testkit.engine.EventConditions.test;
import static org.junit.platform.testkit.engine.TestExecutionResultConditions.message;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.Condition;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.platform.testkit.engine.EngineExecutionResults;
import org.junit.platform.testkit.engine.EngineTestKit;
import org.junit.platform.testkit.engine.Event;

class NoLeaksTest {
    private static final List<Tensor> KEPT = new ArrayList<>();

    @AfterEach
    void closeWhatTheExamplesLeft() {
        KEPT.forEach(Tensor::close);
        KEPT.clear();
    }

    @Test
    void failsATestThatKeepsATensor() {
        EngineExecutionResults results = execute(Leaking.class);
        results.testEvents().assertStatistics(stats -> stats.succeeded(1).failed(1));
        results.testEvents()
                .failed()
                .assertThatEvents()
                .haveExactly(1, failure("keeps", "left 1 "));
    }

    @Test
    void failsAClassThatKeepsATensor() {
        EngineExecutionResults results = execute(LeakingClass.class);
        results.testEvents().assertStatistics(stats -> stats.succeeded(1).failed(0));
        results.containerEvents().assertStatistics(stats -> stats.failed(1));
    }

    @Test
    void passesAClassThatClosesItsTensors() {
        EngineExecutionResults results = execute(Closing.class);
        results.allEvents().assertStatistics(stats -> stats.failed(0));
    }

    @Test
    void countsWhatTheCollectorWouldFree() throws InterruptedException {
        for (Thread thread : Thread.getAllStackTraces().keySet()) {
            if (thread.getName().equals("JavaCPP Deallocator")) {
                assertThat(thread.join(Duration.ofSeconds(10))).isTrue();
            }
        }
    }

    private static EngineExecutionResults execute(Class<?> examples) {
        return EngineTestKit.engine("junit-jupiter")
                .enableImplicitConfigurationParameters(true)
                .selectors(selectClass(examples))
                .execute();
    }

    private static Condition<Event> failure(String method, String part) {
        return event(test(method), finishedWithFailure(message(text -> text.contains(part))));
    }

    static class Leaking {
        @Test
        void keeps() {
            KEPT.add(torch.ones(3));
        }

        @Test
        void closes() {
            torch.ones(3).close();
        }
    }

    static class LeakingClass {
        @BeforeAll
        static void keep() {
            KEPT.add(torch.ones(3));
        }

        @Test
        void passes() {
            assertThat(KEPT).hasSize(1);
        }
    }

    static class Closing {
        private static Tensor shared;

        @BeforeAll
        static void open() {
            shared = torch.ones(3);
        }

        @AfterAll
        static void close() {
            shared.close();
        }

        @Test
        void usesAScope() {
            try (PointerScope _ = new PointerScope()) {
                assertThat(shared.add(torch.ones(3)).sum().item_double()).isEqualTo(6);
            }
        }
    }
}
