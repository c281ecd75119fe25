package cleave.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The memory of this process that is in RAM, Java's heap and native tensors alike, in bytes; null
/// where the system has no `/proc`.
final class ResidentMemory {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final Path CLEAR = Path.of("/proc/self/clear_refs");

    private ResidentMemory() {}

    /// Now.
    static @Nullable Long now() {
        return line("VmRSS:");
    }

    /// The most so far, or since `forgetPeak`.
    static @Nullable Long peak() {
        return line("VmHWM:");
    }

    /// Starts the peak again from now; where the system refuses, the peak of loading stays in it.
    static void forgetPeak() {
        try {
            Files.writeString(CLEAR, "5"); // proc(5): resets the peak resident set size
        } catch (IOException refused) {
            return;
        }
    }

    private static @Nullable Long line(String key) {
        try (Stream<String> lines = Files.lines(STATUS)) {
            return lines.filter(line -> line.startsWith(key))
                    .map(line -> Long.parseLong(line.replaceAll("\\D", "")) << 10) // kB
                    .findFirst()
                    .orElse(null);
        } catch (IOException noProc) {
            return null;
        }
    }
}
