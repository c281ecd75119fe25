package cleave.cli;

import cleave.config.UserError;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Whether the arguments of the program are the text that the user gave.
///
/// The JVM writes U+FFFD, the replacement character, where the bytes of an argument are no UTF-8,
/// and a model would be asked about that.
final class GivenText {
    private static final String REPLACEMENT = "\ufffd";
    private static final Path BYTES = Path.of("/proc/self/cmdline"); // each ends with a 0

    private GivenText() {}

    /// Refuses arguments that were other bytes than UTF-8. Where the bytes cannot be had, on other
    /// systems than Linux, an argument with the replacement character counts as such.
    ///
    /// @throws UserError naming the first
    static void require(String... arguments) {
        require(BYTES, arguments);
    }

    static void require(Path commandLine, String... arguments) {
        for (int i = 0; i < arguments.length; i++) {
            if (arguments[i].contains(REPLACEMENT)
                    && !isText(commandLine, arguments, arguments.length - i)) {
                throw UserError.withHints(
                        "argument must be UTF-8 text, got other bytes where \\ufffd stands in \"%s\""
                                .formatted(arguments[i].replace(REPLACEMENT, "\\ufffd")),
                        "it was typed, pasted or written in another encoding; `iconv -t UTF-8` converts a file");
            }
        }
    }

    /// Whether an argument has the same bytes as its text.
    ///
    /// @param fromLast its place counted from the last, which is 1
    private static boolean isText(Path commandLine, String[] arguments, int fromLast) {
        try {
            List<byte[]> given = split(Files.readAllBytes(commandLine));
            if (given.size() < arguments.length) {
                return false;
            }
            String text =
                    StandardCharsets.UTF_8
                            .newDecoder()
                            .decode(ByteBuffer.wrap(given.get(given.size() - fromLast)))
                            .toString();
            return text.equals(arguments[arguments.length - fromLast]);
        } catch (IOException malformedOrUnreadable) {
            return false;
        }
    }

    private static List<byte[]> split(byte[] bytes) {
        List<byte[]> parts = new ArrayList<>();
        int begin = 0;
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == 0) {
                parts.add(Arrays.copyOfRange(bytes, begin, i));
                begin = i + 1;
            }
        }
        return parts;
    }
}
