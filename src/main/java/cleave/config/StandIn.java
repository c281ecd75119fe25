package cleave.config;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// What lies in the place of a large file when a download went wrong: the pointer that Git leaves
/// where Git LFS is not installed, a web page, or what a server said.
public final class StandIn {
    /// What a file that ends too early most often is, as a hint.
    public static final String CUT_SHORT =
            "a file that ends too early was cut short on its way; download or copy it again, and compare its size";

    private static final int LOOKED_AT = 1024; // bytes
    private static final int SHOWN = 40; // characters
    private static final String POINTER = "version https://git-lfs.github.com/spec/";
    private static final Pattern SIZE = Pattern.compile("(?m)^size (\\d{1,18})$");
    private static final Pattern PAGE = Pattern.compile("(?s)<(!doctype|html|head|body|\\?xml).*");

    /// The mark of UTF-16 and two letters of Latin in either order of bytes.
    private static final Pattern UTF_16 =
            Pattern.compile("(?s)(\\xff\\xfe([^\\x00]\\x00){2}|\\xfe\\xff(\\x00[^\\x00]){2}).*");

    private static final Pattern TEXT = Pattern.compile("[\\t\\n\\r -~]+");

    private StandIn() {}

    /// Refuses a file of numbers that begins as text does, and says what it is and how to get the
    /// file that belongs there.
    ///
    /// @param what is expected, as in `safetensors file`
    /// @throws UserError when it is such text
    public static void refuse(Path file, String what) {
        refuseDownload(file, what);
        String begin = begin(file);
        if (begin.length() >= Long.BYTES && TEXT.matcher(begin).matches()) {
            throw UserError.withHints(
                    "%s must be the file itself, got text that begins with \"%s\" (%s)"
                            .formatted(
                                    what,
                                    begin.substring(0, Math.min(SHOWN, begin.length()))
                                            .strip()
                                            .replaceAll("\\s+", " "),
                                    file),
                    "download it again");
        }
    }

    /// Refuses a pointer of Git LFS or a web page in the place of a file of any kind.
    ///
    /// @param what is expected, as in `model's config.json`
    /// @throws UserError when it is one
    public static void refuseDownload(Path file, String what) {
        refusePointer(file, what);
        if (PAGE.matcher(begin(file).stripLeading().toLowerCase(Locale.ROOT)).matches()) {
            throw UserError.withHints(
                    "%s must be the file itself, got a web page (%s)".formatted(what, file),
                    "download it again by the link to the file, on Hugging Face with /resolve/ in the place of /blob/; or name the model as hf:ORGANISATION/NAME");
        }
    }

    /// Refuses a pointer of Git LFS in the place of a file that may well be a web page, such as a
    /// text to train on, and text in UTF-16.
    ///
    /// @param what is expected, as in `data`
    /// @throws UserError when it is one
    public static void refusePointer(Path file, String what) {
        String begin = begin(file);
        if (UTF_16.matcher(begin).matches()) {
            throw UserError.withHints(
                    "%s must be UTF-8 text, got UTF-16 (%s)".formatted(what, file),
                    "an editor of Windows calls that Unicode; save it as UTF-8, or `iconv -f UTF-16 -t UTF-8`");
        }
        if (begin.startsWith(POINTER)) {
            Matcher size = SIZE.matcher(begin);
            throw UserError.withHints(
                    "%s must be the file itself, got the pointer of Git LFS to it%s (%s)"
                            .formatted(
                                    what,
                                    size.find()
                                            ? ", which stands for %s bytes".formatted(size.group(1))
                                            : "",
                                    file),
                    "`git lfs install` and then `git lfs pull` in its repository fetch the file");
        }
    }

    /// The first bytes of a file as characters; none where it cannot be read, which its reader
    /// says.
    private static String begin(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            return new String(in.readNBytes(LOOKED_AT), StandardCharsets.ISO_8859_1);
        } catch (IOException unreadable) {
            return "";
        }
    }
}
