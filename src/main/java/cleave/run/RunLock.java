package cleave.run;

import cleave.config.UserError;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// The right to write to a run or a sweep, held as a lock of the operating system on one file: it
/// ends with the process that holds it, however that process ends. The file's text (`PID HOST`)
/// serves the message to the second writer only, and stays when the lock is released.
public final class RunLock implements AutoCloseable {
    /// The file that is locked.
    public static final String FILE = "lock";

    /// The folders this process holds. The system's locks are per process, and closing any channel
    /// of a locked file releases them, so a second attempt from here must not open the file at all.
    private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

    private final Path key;
    private final FileChannel channel;

    private RunLock(Path key, FileChannel channel) {
        this.key = key;
        this.channel = channel;
    }

    /// Takes the lock of a run directory, or refuses with the holder's process number.
    static RunLock acquire(Path folder) throws IOException {
        return acquire(folder, "run directory");
    }

    /// Takes the lock, or refuses with the holder's process number.
    ///
    /// @param what the folder is, for the refusal
    public static RunLock acquire(Path folder, String what) throws IOException {
        Path file = folder.resolve(FILE);
        Path key = folder.toRealPath();
        if (!HELD.add(key)) {
            throw refused(what, folder, "process " + ProcessHandle.current().pid());
        }
        @Nullable FileChannel channel = null;
        try {
            channel =
                    FileChannel.open(
                            file,
                            StandardOpenOption.CREATE,
                            StandardOpenOption.READ,
                            StandardOpenOption.WRITE);
            @Nullable FileLock lock = channel.tryLock();
            if (lock == null) {
                throw refused(what, folder, holder(file));
            }
            String text = ProcessHandle.current().pid() + " " + host() + "\n";
            channel.truncate(0);
            channel.write(ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
            return new RunLock(key, channel);
        } catch (IOException | RuntimeException failure) {
            if (channel != null) {
                channel.close();
            }
            HELD.remove(key);
            throw failure;
        }
    }

    boolean isHeld() {
        return channel.isOpen();
    }

    @Override
    public void close() throws IOException {
        if (channel.isOpen()) {
            channel.close();
            HELD.remove(key);
        }
    }

    private static UserError refused(String what, Path folder, String holder) {
        return new UserError(
                "%s must have one writer, got a second while %s writes to it (%s)"
                        .formatted(what, holder, folder));
    }

    private static String holder(Path file) throws IOException {
        String[] words = Files.readString(file).strip().split(" ", -1);
        return words.length == 2
                ? "process %s on %s".formatted(words[0], words[1])
                : "another process";
    }

    private static String host() {
        try {
            return Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
        } catch (IOException notLinux) {
            return System.getenv().getOrDefault("HOSTNAME", "this-host");
        }
    }
}
