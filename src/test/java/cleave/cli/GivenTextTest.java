package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cleave.config.UserError;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GivenTextTest {
    /// "Café" in Latin-1, of which the JVM makes "Caf" and the replacement character.
    private static final byte[] LATIN = {'C', 'a', 'f', (byte) 0xe9};

    @TempDir private Path folder;

    private Path commandLine(byte[]... parts) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            bytes.write(part);
            bytes.write(0);
        }
        return Files.write(folder.resolve("cmdline"), bytes.toByteArray());
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void bytesOfAnotherEncodingAreRefused() throws IOException {
        Path line = commandLine(utf8("java"), utf8("predict"), LATIN, utf8("model"));
        assertThatThrownBy(() -> GivenText.require(line, "predict", "Caf\ufffd", "model"))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "argument must be UTF-8 text, got other bytes where \\ufffd stands in \"Caf\\ufffd\"\n"
                                + "hint: it was typed, pasted or written in another encoding; `iconv -t UTF-8` converts a file");
    }

    @Test
    void theReplacementCharacterItselfIsText() throws IOException {
        Path line = commandLine(LATIN, utf8("predict"), utf8("a \ufffd"), utf8("model"));
        assertThatCode(() -> GivenText.require(line, "predict", "a \ufffd", "model"))
                .doesNotThrowAnyException();
    }

    @Test
    void whereTheBytesCannotBeHadItCountsAsOtherBytes() {
        assertThatThrownBy(() -> GivenText.require(folder.resolve("none"), "a \ufffd"))
                .isInstanceOf(UserError.class);
        assertThatCode(() -> GivenText.require(folder.resolve("none"), "naïve 東京"))
                .doesNotThrowAnyException();
    }

    @Test
    void everyCommandRefusesThem() {
        for (List<String> command :
                List.of(
                        List.of("predict", "models/facts-gpt2", "Caf\ufffd"),
                        List.of("census", "Caf\ufffd"),
                        List.of("suppress", "run", "--prompt=Caf\ufffd", "--subcomponents=a:1"))) {
            Result result = TinyRun.cleave(command.toArray(new String[0]));
            assertThat(result.exitCode()).isEqualTo(2);
            assertThat(result.err()).startsWith("argument must be UTF-8 text");
            assertThat(result.out()).isEmpty();
        }
    }
}
