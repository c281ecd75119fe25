package cleave.config;

import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// What a user gave cannot be used: an option, a configuration, a file or a folder.
///
/// The command line shows the message without a trace and ends with exit code 2. Everything else
/// that is thrown and is no failure of input or output is a bug of ours; in particular an
/// `IllegalArgumentException` says that our own code called a method wrongly.
public class UserError extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private static final String HINT = "hint: ";

    /// Controls, formats and separators but for the usual space, and letters that are blank. A
    /// carriage return alone would go back to the line's beginning.
    private static final Pattern INVISIBLE =
            Pattern.compile(
                    "[\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}\\p{Zs}\\u034f\\u115f\\u1160\\u2800\\u3164\\uffa0&&[^ \\n\\t\\r]]|\\r(?!\\n)");

    /// An error with its message.
    ///
    /// @param message what must be otherwise, as in `--jobs must be in 1..256, got 0`; further
    ///   lines may follow, those with advice beginning with `hint: `
    public UserError(String message) {
        super(visible(message));
    }

    /// The same with what made it known.
    public UserError(String message, Throwable cause) {
        super(visible(message), cause);
    }

    /// An error with advice.
    ///
    /// @param hints each a line of its own under the message, without `hint: `
    public static UserError withHints(String message, String... hints) {
        return new UserError(
                Arrays.stream(hints)
                        .map(hint -> "\n" + HINT + hint)
                        .collect(Collectors.joining("", message, "")));
    }

    /// What to do about it: the lines of advice in the message.
    public final List<String> hints() {
        return String.valueOf(getMessage())
                .lines()
                .map(String::strip)
                .filter(line -> line.startsWith(HINT))
                .map(line -> line.substring(HINT.length()))
                .toList();
    }

    /// Why a file cannot be read or written, in words: what it is, or what forbids it.
    public static String reason(IOException failure) {
        String said = String.valueOf(failure.getMessage());
        return switch (failure) {
            case NoSuchFileException _ -> "no such file";
            case AccessDeniedException _ -> "no permission for it";
            case NotDirectoryException _ -> "a file in the place of a folder";
            case FileSystemLoopException _ -> "a loop of links";
            case CharacterCodingException _ -> "bytes that are not UTF-8";
            case EOFException _ -> "its end too early";
            case FileSystemException file when file.getReason() != null -> words(file.getReason());
            default -> failure.getMessage() == null ? "a failure of the system" : words(said);
        };
    }

    private static String words(String said) {
        if (said.contains("Is a directory")) {
            return "a folder";
        }
        return said.contains("symbolic links") ? "a loop of links" : said;
    }

    /// Text with what cannot be seen, or would steer a terminal, as escapes; lines and tabs stay.
    public static String visible(String text) {
        return INVISIBLE
                .matcher(text)
                .replaceAll(found ->
                        found.group()
                                .chars()
                                .mapToObj("\\\\u%04x"::formatted)
                                .collect(Collectors.joining()));
    }
}
