package cleave.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.MalformedInputException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UserErrorTest {
    @Test
    void hintsAreLinesUnderTheMessage() {
        UserError error = UserError.withHints("a must be > 0, got -1", "leave it out", "write 1");

        assertThat(error).hasMessage("a must be > 0, got -1\nhint: leave it out\nhint: write 1");
        assertThat(error.hints()).containsExactly("leave it out", "write 1");
    }

    @Test
    void hintsWithinTheMessageAreFoundToo() {
        Problem problem = new Problem("f:1", "a is missing", java.util.Optional.of("write a: 1"));

        assertThat(new UserError("a must be > 0, got -1").hints()).isEmpty();
        assertThat(new InvalidConfig(List.of(problem)).hints()).containsExactly("write a: 1");
    }

    /// A no-break space, a zero-width space, a Hangul filler and a lone carriage return; a line of
    /// Windows, a tab and Japanese stay.
    @Test
    void whatCannotBeSeenIsShownAsAnEscape() {
        assertThat(new UserError("a\u00a0b\u200bc\u3164d\re\r\n\t\u6771\u4eac \u001b[31m"))
                .hasMessage("a\\u00a0b\\u200bc\\u3164d\\u000de\r\n\t\u6771\u4eac \\u001b[31m");
    }

    @Test
    void whyAFileCannotBeReadIsSaidInWords(@TempDir Path folder) {
        assertThat(reason(folder)).isEqualTo("a folder");
        assertThat(reason(folder.resolve("none"))).isEqualTo("no such file");
        assertThat(UserError.reason(new MalformedInputException(1)))
                .isEqualTo("bytes that are not UTF-8");
        assertThat(UserError.reason(new AccessDeniedException("a")))
                .isEqualTo("no permission for it");
        assertThat(UserError.reason(new IOException())).isEqualTo("a failure of the system");
    }

    private static String reason(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException failure) {
            return UserError.reason(failure);
        }
    }
}
