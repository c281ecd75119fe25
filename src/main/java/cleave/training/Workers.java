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
    public <T> List<T> run(List<Callable<T>> tasks) {
        List<Future<T>> futures = new ArrayList<>();
        for (int i = 0; i < tasks.size(); i++) {
            futures.add(threads.get(i).submit(tasks.get(i)));
        }
        List<T> results = new ArrayList<>();
        RuntimeException failure = null;
        for (Future<T> future : futures) {
            try {
                results.add(future.get());
            } catch (ExecutionException e) {
                RuntimeException cause =
                        e.getCause() instanceof RuntimeException runtime
                                ? runtime
                                : new IllegalStateException(e.getCause());
                failure = failure == null ? cause : failure;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted while workers were running", e);
            }
        }
        if (failure != null) {
            throw failure;
        }
        return results;
    }

    @Override
    public void close() {
        threads.forEach(ExecutorService::shutdownNow);
        for (ExecutorService thread : threads) {
            thread.close();
        }
    }
}
