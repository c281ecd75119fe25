package cleave.explore;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.config.UserError;
import cleave.explore.Jobs.State;
import cleave.explore.Jobs.View;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class JobsTest {
    private final Jobs jobs = new Jobs(Thread.ofVirtual().factory());

    @AfterEach
    void close() {
        jobs.close(() -> {});
    }

    private View over(View begun) throws InterruptedException {
        long end = System.nanoTime() + Duration.ofSeconds(10).toNanos();
        View view = jobs.view(begun.id()).orElseThrow();
        while ((view.state() == State.WAITING || view.state() == State.RUNNING)
                && System.nanoTime() < end) {
            Thread.sleep(2);
            view = jobs.view(begun.id()).orElseThrow();
        }
        return view;
    }

    @Test
    void aJobGivesItsResult() throws InterruptedException {
        View done = over(jobs.add(_ -> "result").orElseThrow());
        assertThat(done.state()).isEqualTo(State.DONE);
        assertThat(done.result()).isEqualTo("result");
    }

    @Test
    void whatIsWrongWithTheInputIsSaidAndOtherFailuresAreNotShown() throws InterruptedException {
        View wrong =
                over(
                        jobs.add(
                                        _ -> {
                                            throw new UserError("prompt must be short");
                                        })
                                .orElseThrow());
        assertThat(wrong.state()).isEqualTo(State.FAILED);
        assertThat(wrong.problem()).isEqualTo("prompt must be short");
        View failed =
                over(
                        jobs.add(
                                        _ -> {
                                            throw new IllegalStateException("/a/path/of/ours");
                                        })
                                .orElseThrow());
        assertThat(failed.problem()).doesNotContain("path");
    }

    @Test
    void oneJobRunsAtATimeAndOneThatWaitsCanBeCancelled() throws InterruptedException {
        CountDownLatch go = new CountDownLatch(1);
        AtomicBoolean ran = new AtomicBoolean();
        View first =
                jobs.add(
                                _ -> {
                                    await(go);
                                    return 1;
                                })
                        .orElseThrow();
        View second =
                jobs.add(
                                _ -> {
                                    ran.set(true);
                                    return 2;
                                })
                        .orElseThrow();
        assertThat(jobs.view(second.id()).orElseThrow().state()).isEqualTo(State.WAITING);
        assertThat(jobs.cancel(second.id()).orElseThrow().state()).isEqualTo(State.CANCELLED);
        go.countDown();
        assertThat(over(first).state()).isEqualTo(State.DONE);
        assertThat(over(jobs.add(_ -> 3).orElseThrow()).result()).isEqualTo(3);
        assertThat(ran).isFalse();
    }

    @Test
    void aJobThatRunsStopsWhenItNextLooksUp() throws InterruptedException {
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch cancelled = new CountDownLatch(1);
        AtomicBoolean reached = new AtomicBoolean();
        View job =
                jobs.add(
                                watch -> {
                                    watch.step(0.5, "half");
                                    begun.countDown();
                                    await(cancelled);
                                    watch.step(0.6, "more");
                                    reached.set(true);
                                    return 1;
                                })
                        .orElseThrow();
        begun.await();
        assertThat(jobs.view(job.id()).orElseThrow().share()).isEqualTo(0.5);
        jobs.cancel(job.id());
        cancelled.countDown();
        assertThat(over(jobs.add(_ -> 2).orElseThrow()).result()).isEqualTo(2);
        assertThat(reached).isFalse();
        assertThat(jobs.view(job.id()).orElseThrow().state()).isEqualTo(State.CANCELLED);
    }

    @Test
    void onlySoManyMayWait() {
        CountDownLatch go = new CountDownLatch(1);
        for (int i = 0; i < Jobs.MOST_WAITING; i++) {
            assertThat(
                            jobs.add(_ -> {
                                await(go);
                                return 0;
                            }))
                    .isPresent();
        }
        boolean refused = false;
        for (int i = 0; i < 2; i++) { // one of those before may have begun
            refused |= jobs.add(_ -> 0).isEmpty();
        }
        go.countDown();
        assertThat(refused).isTrue();
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
