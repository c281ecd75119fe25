package cleave.testing;

import java.io.IOException;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.concurrent.TimeUnit;

/// Waits for what another process does in a folder.
public final class FolderWatch implements AutoCloseable {
    private static final long PATIENCE_SECONDS = 120;

    private final Path folder;
    private final WatchService service;

    private FolderWatch(Path folder, WatchService service) {
        this.folder = folder;
        this.service = service;
    }

    /// Hears of everything in `folder` from here on.
    public static FolderWatch on(Path folder) throws IOException {
        FolderWatch watch = new FolderWatch(folder, folder.getFileSystem().newWatchService());
        folder.register(
                watch.service,
                StandardWatchEventKinds.ENTRY_CREATE,
                StandardWatchEventKinds.ENTRY_MODIFY);
        return watch;
    }

    /// Asked after every change.
    @FunctionalInterface
    public interface Condition {
        /// Whether it holds.
        boolean holds() throws IOException;
    }

    /// Waits until the condition holds.
    public void awaitThat(Condition condition) throws IOException, InterruptedException {
        while (!condition.holds()) {
            WatchKey key = next();
            key.pollEvents();
            key.reset();
        }
    }

    /// Waits until a name with this ending is made in the folder; it may be gone again.
    public void awaitCreation(String ending) throws InterruptedException {
        while (true) {
            WatchKey key = next();
            for (WatchEvent<?> event : key.pollEvents()) {
                if (event.kind().equals(StandardWatchEventKinds.ENTRY_CREATE)
                        && String.valueOf(event.context()).endsWith(ending)) {
                    return;
                }
            }
            key.reset();
        }
    }

    private WatchKey next() throws InterruptedException {
        WatchKey key = service.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
        if (key == null) {
            throw new AssertionError(
                    "nothing happened in %s for %d seconds".formatted(folder, PATIENCE_SECONDS));
        }
        return key;
    }

    @Override
    public void close() throws IOException {
        service.close();
    }
}
