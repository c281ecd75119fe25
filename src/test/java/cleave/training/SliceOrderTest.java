package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class SliceOrderTest {
    @Test
    void laterSlicesWaitForEarlierOnesPartByPart() {
        SliceOrder order = new SliceOrder();
        List<String> added = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch firstPart = new CountDownLatch(1);
        Callable<Boolean> first =
                () -> {
                    order.of(0).take(0, () -> added.add("slice 0, part 0"));
                    firstPart.await(); // The other one adds to the same part meanwhile.
                    order.of(0).take(1, () -> added.add("slice 0, part 1"));
                    return true;
                };
        Callable<Boolean> second =
                () -> {
                    order.of(1).take(0, () -> added.add("slice 1, part 0"));
                    firstPart.countDown();
                    order.of(1).take(1, () -> added.add("slice 1, part 1"));
                    return true;
                };
        try (Workers workers = new Workers(2)) {
            workers.run(List.of(second, first));
        }
        assertThat(added)
                .containsExactly(
                        "slice 0, part 0", "slice 1, part 0", "slice 0, part 1", "slice 1, part 1");
    }

    @Test
    void aSliceThatFailsEndsTheWaitOfLaterOnes() {
        SliceOrder order = new SliceOrder();
        IllegalStateException cause = new IllegalStateException("the first slice");
        Callable<Boolean> first =
                () -> {
                    order.fail(cause);
                    throw cause;
                };
        Callable<Boolean> second =
                () -> {
                    order.of(1).take(0, () -> {});
                    return true;
                };
        try (Workers workers = new Workers(2)) {
            assertThatThrownBy(() -> workers.run(List.of(second, first))).isSameAs(cause);
        }
    }
}
