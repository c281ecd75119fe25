package cleave.explore;

import cleave.config.UserError;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Work that takes a while, one piece at a time in the order it was asked for. Whoever asked looks
/// in again by the job's number.
final class Jobs {
    /// Jobs that wait, at most.
    static final int MOST_WAITING = 32;

    private static final int MOST_KEPT = 64;
    private static final int SECONDS_TO_END = 10;
    private static final Logger LOG = LoggerFactory.getLogger(Jobs.class);

    /// How a job stands.
    enum State {
        WAITING,
        RUNNING,
        DONE,
        FAILED,
        CANCELLED
    }

    /// What a job tells while it runs.
    interface Watch {
        /// Says how far it is, 0 to 1, and what is done now.
        ///
        /// @throws Cancelled when nobody wants the result any more
        void step(double share, String doing);
    }

    /// Something that gives a result.
    @FunctionalInterface
    interface Work {
        /// Does it, and says now and then how far it is.
        Object run(Watch watch);
    }

    /// Ends a job that was cancelled.
    static final class Cancelled extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Cancelled() {
            super("cancelled");
        }
    }

    /// A job as others see it.
    record View(
            long id,
            State state,
            double share,
            String doing,
            @Nullable String problem,
            @Nullable Object result) {}

    private final ExecutorService worker;
    private final Map<Long, View> views = new LinkedHashMap<>();
    private long last;

    /// Starts the thread that works.
    Jobs(ThreadFactory threads) {
        worker = Executors.newSingleThreadExecutor(threads);
    }

    /// Puts a job at the end of the queue; empty when too many wait.
    synchronized Optional<View> add(Work work) {
        long waiting =
                views.values().stream().filter(each -> each.state() == State.WAITING).count();
        if (waiting >= MOST_WAITING) {
            return Optional.empty();
        }
        long id = ++last;
        views.put(id, new View(id, State.WAITING, 0, "waiting", null, null));
        forget();
        try {
            worker.execute(() -> run(id, work));
        } catch (RejectedExecutionException closed) {
            views.remove(id);
            return Optional.empty();
        }
        return Optional.ofNullable(views.get(id));
    }

    private void forget() {
        views.values().removeIf(each -> views.size() > MOST_KEPT && isOver(each));
    }

    private static boolean isOver(View view) {
        return view.state() != State.WAITING && view.state() != State.RUNNING;
    }

    /// How a job stands; empty for one that was never there or is forgotten.
    synchronized Optional<View> view(long id) {
        return Optional.ofNullable(views.get(id));
    }

    /// Ends a job: one that waits never begins, one that runs stops when it next looks up.
    synchronized Optional<View> cancel(long id) {
        View view = views.get(id);
        if (view == null) {
            return Optional.empty();
        }
        if (!isOver(view)) {
            views.put(id, new View(id, State.CANCELLED, view.share(), "cancelled", null, null));
        }
        return Optional.ofNullable(views.get(id));
    }

    private void run(long id, Work work) {
        Watch watch = (share, doing) -> replace(id, State.RUNNING, share, doing, null, null);
        try {
            watch.step(0, "starting");
            Object result = work.run(watch);
            replace(id, State.DONE, 1, "done", null, result);
        } catch (Cancelled _) {
            LOG.debug("job {} was cancelled", id);
        } catch (UserError wrong) {
            fail(id, String.valueOf(wrong.getMessage()));
        } catch (RuntimeException failure) {
            LOG.warn("job {} failed", id, failure);
            fail(id, "the job failed; the terminal says why");
        }
    }

    private void fail(long id, String problem) {
        try {
            replace(id, State.FAILED, 1, "failed", problem, null);
        } catch (Cancelled _) {
            LOG.debug("job {} was cancelled", id);
        }
    }

    private synchronized void replace(
            long id,
            State state,
            double share,
            String doing,
            @Nullable String problem,
            @Nullable Object result) {
        View view = views.get(id);
        if (view == null || view.state() == State.CANCELLED) {
            throw new Cancelled();
        }
        views.put(id, new View(id, state, share, doing, problem, result));
    }

    /// Cancels what there is, lets the thread do one last thing, and waits a little for its end.
    void close(Runnable last) {
        synchronized (this) {
            views.keySet().stream().toList().forEach(this::cancel);
            worker.execute(last);
            worker.shutdown();
        }
        try {
            if (!worker.awaitTermination(SECONDS_TO_END, TimeUnit.SECONDS)) {
                LOG.debug("a job was still running at the end");
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
