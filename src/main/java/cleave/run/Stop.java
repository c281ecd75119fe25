package cleave.run;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;

/// Lets a process that is told to end (SIGTERM, SIGINT) finish what it is at and save first: the
/// process ends when this is closed.
public final class Stop implements AutoCloseable {
    private final AtomicBoolean asked = new AtomicBoolean();
    private final CountDownLatch done = new CountDownLatch(1);
    private final Thread hook;

    /// Waits for the end from here on.
    ///
    /// @param whenAsked runs on another thread as soon as the process is told to end
    public Stop(Runnable whenAsked) {
        hook = new Thread(() -> end(whenAsked), "cleave-save-on-exit");
        try {
            Runtime.getRuntime().addShutdownHook(hook);
        } catch (IllegalStateException alreadyEnding) {
            asked.set(true);
        }
    }

    private void end(Runnable whenAsked) {
        asked.set(true);
        whenAsked.run();
        try {
            done.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /// Whether the process was told to end.
    public boolean asked() {
        return asked.get();
    }

    @Override
    public void close() {
        done.countDown();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException ending) {
            // The hook has run or runs now, and ends by itself.
        }
    }
}
