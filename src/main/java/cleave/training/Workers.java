package cleave.training;

import cleave.tensor.NativeRuntime;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/// Threads that compute slices side by side, one intra-op thread each.
///
/// Which worker computes which slice is fixed, never a matter of who is free: the order in which
/// gradients add up must not depend on time.
public final class Workers implements AutoCloseable {
    private final List<ExecutorService> threads = new ArrayList<>();

    /// Starts `count` threads.
    public Workers(int count) {
        for (int i = 0; i < count; i++) {
            String name = "cleave-worker-" + i;
            ExecutorService thread =
                    Executors.newSingleThreadExecutor(task -> {
                        Thread made = new Thread(task, name);
                        made.setDaemon(true);
                        return made;
                    });
            threads.add(thread);
        }
        List<Callable<Boolean>> preparations = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            preparations.add(() -> {
                NativeRuntime.prepareThread();
                return true;
            });
        }
        run(preparations);
    }

    /// How many there are.
    public int count() {
        return threads.size();
    }

    /// Runs task i on worker i and returns the results in order; the first failure is thrown after
    /// all have ended.
    ///
    /// An interruption of the calling thread is kept and thrown at the end as well: the tasks use
    /// the caller's tensors, which must stay until no task runs.
    ///
    /// @throws IllegalStateException when the calling thread was interrupted
    public <T> List<T> run(List<Callable<T>> tasks) {
        List<Future<T>> futures = new ArrayList<>();
        for (int i = 0; i < tasks.size(); i++) {
            futures.add(threads.get(i).submit(tasks.get(i)));
        }
        List<T> results = new ArrayList<>();
        RuntimeException failure = null;
        boolean interrupted = false;
        for (Future<T> future : futures) {
            interrupted |= await(future);
            if (future.state() == Future.State.SUCCESS) {
                results.add(future.resultNow());
                continue;
            }
            RuntimeException cause =
                    future.exceptionNow() instanceof RuntimeException runtime
                            ? runtime
                            : new IllegalStateException(future.exceptionNow());
            failure = failure == null ? cause : failure;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
            failure =
                    failure == null
                            ? new IllegalStateException("interrupted while workers were running")
                            : failure;
        }
        if (failure != null) {
            throw failure;
        }
        return results;
    }

    // Waits for the end of a task, and tells whether this thread was interrupted meanwhile.
    private static boolean await(Future<?> future) {
        boolean interrupted = false;
        while (true) {
            try {
                future.get();
                return interrupted;
            } catch (ExecutionException failed) {
                return interrupted; // The caller reads the failure from the future.
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
    }

    @Override
    public void close() {
        threads.forEach(ExecutorService::shutdownNow);
        for (ExecutorService thread : threads) {
            thread.close();
        }
    }
}
