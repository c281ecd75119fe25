package cleave.config;

import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNoException;

import cleave.data.TextData;
import cleave.model.TextTask.LossesAt;
import cleave.text.CompactVocabulary;
import cleave.text.Tokenizers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What Git or a server leaves in the place of a file says what it is, whichever file it is.
class StandInTest {
    private static final String POINTER =
            "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 5380\n";

    @TempDir private Path folder;

    private Path file(String name, String text) {
        try {
            return Files.writeString(folder.resolve(name), text);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private static void assertSaid(String said, ThrowingCallable reads) {
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(reads)
                .withMessageContaining(said)
                .withMessageContaining("hint: ");
    }

    @Test
    void aConfigurationAVocabularyAndAnIndexThatAreNotThere() {
        for (String text : List.of(POINTER, "\n<!DOCTYPE html><html></html>")) {
            String said = text.equals(POINTER) ? "the pointer of Git LFS to it" : "a web page";
            assertSaid(said, () -> ConfigFile.text(file("config.yaml", text)));
            file("compact_vocabulary.json", text);
            assertSaid(said, () -> CompactVocabulary.read(folder));
            file("tokenizer.json", text);
            assertSaid(said, () -> Tokenizers.in(folder));
        }
    }

    /// As the shell and the editors of Windows write text.
    @Test
    void textInUtf16SaysSo() throws IOException {
        for (Charset order : List.of(StandardCharsets.UTF_16LE, StandardCharsets.UTF_16BE)) {
            String text = "\uFEFFTiger Woods\n";
            Path file = Files.write(folder.resolve("wide.txt"), text.getBytes(order));
            assertSaid(
                    "must be UTF-8 text, got UTF-16",
                    () -> new TextData.Prompts(file.toString(), LossesAt.LAST).pieces());
            assertSaid("must be UTF-8 text, got UTF-16", () -> ConfigFile.text(file));
        }
        // A header of 130,815 bytes begins like the mark, and is that of a file of weights.
        Path weights =
                Files.write(
                        folder.resolve("weights"), new byte[] {-1, -2, 1, 0, 0, 0, 0, 0, '{', 0});
        assertThatNoException().isThrownBy(() -> StandIn.refuse(weights, "weights"));
    }

    /// A text may be a web page; a pointer it is not.
    @Test
    void aTextToTrainOnMayBeAPage() {
        Path page = file("page.txt", "<html>the web page</html>\n");
        assertThatNoException()
                .isThrownBy(() -> new TextData.Prompts(page.toString(), LossesAt.LAST).pieces());
        Path pointer = file("data.txt", POINTER);
        assertSaid(
                "data must be the file itself, got the pointer of Git LFS",
                () -> new TextData.Prompts(pointer.toString(), LossesAt.LAST).pieces());
    }

    @Test
    void aByteOrderMarkBeforeAVocabularyIsPassedOver() {
        file(
                "compact_vocabulary.json",
                "\ufeff{\"encoding\": \"r50k_base\", \"tokens\": [50256, 5]}");
        assertThatNoException().isThrownBy(() -> CompactVocabulary.read(folder));
    }
}
