package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.javacpp.PointerScope;
import org.junit.jupiter.api.Test;

class WorkersTest {
    @Test
    void anInterruptedCallerWaitsUntilEveryTaskHasClosedItsScope() {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch release = new CountDownLatch(1);
        AtomicBoolean closed = new AtomicBoolean();
        Callable<Boolean> slow =
                () -> {
                    try (PointerScope _ = new PointerScope()) {
                        begun.countDown();
                        release.await();
                    }
                    return closed.compareAndSet(false, PointerScope.getInnerScope() == null);
                };
        try (Workers workers = new Workers(2)) {
            Thread caller = Thread.currentThread();
            Thread other =
                    Thread.ofVirtual()
                            .start(() -> {
                                try {
                                    begun.await();
                                    caller.interrupt();
                                    // The caller takes the interruption back once it has seen it.
                                    while (caller.isInterrupted()) {
                                        Thread.onSpinWait();
                                    }
                                } catch (InterruptedException e) {
                                    Thread.currentThread().interrupt();
                                } finally {
                                    release.countDown();
                                }
                            });
            assertThatThrownBy(() -> workers.run(List.of(slow, () -> true)))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("interrupted");
            assertThat(closed).isTrue();
            assertThat(Thread.interrupted()).isTrue();
            assertThat(other).isNotNull();
        }
    }

    @Test
    void theFirstFailureIsThrownAfterEveryTaskHasEnded() {
        AtomicBoolean ended = new AtomicBoolean();
        CountDownLatch failed = new CountDownLatch(1);
        Callable<Boolean> failing =
                () -> {
                    failed.countDown();
                    throw new IllegalArgumentException("first");
                };
        Callable<Boolean> later =
                () -> {
                    failed.await();
                    ended.set(true);
                    return true;
                };
        try (Workers workers = new Workers(2)) {
            assertThatThrownBy(() -> workers.run(List.of(failing, later)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("first");
            assertThat(ended).isTrue();
            assertThat(PointerScope.getInnerScope()).isNull();
        }
    }
}
