package cleave.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import cleave.config.UserError;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CompactVocabularyTest {
    /// GPT-2's numbers: "K" 42, "obe" 5910, " Bryant" 16754; "." 13.
    private static final CompactVocabulary VOCABULARY =
            CompactVocabulary.of(List.of("Kobe Bryant.", "Kobe"));

    @Test
    void tokensAreRenumberedInTheirOrder() {
        assertThat(VOCABULARY.size()).isEqualTo(5);
        assertThat(VOCABULARY.encode("Kobe Bryant.")).containsExactly(2, 3, 4, 1);
        assertThat(VOCABULARY.encode("")).isEmpty();
    }

    @Test
    void decodingGivesTheTextBack() {
        assertThat(VOCABULARY.decode(VOCABULARY.encode("Kobe Bryant."))).isEqualTo("Kobe Bryant.");
        assertThat(VOCABULARY.decode(new int[] {1, 0})).isEqualTo(".<|endoftext|>");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> VOCABULARY.decode(new int[] {5}))
                .withMessage("token must be in 0..4, got 5");
    }

    @Test
    void aPieceWithoutATokenIsNamed() {
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> VOCABULARY.encode("Kobe plays golf."))
                .withMessageContaining(
                        "text must consist of the model's 5 tokens, got \" plays\", \" golf\" in \"Kobe plays golf.\"");
    }

    @Test
    void itsFileGivesItBack(@TempDir Path folder) throws IOException {
        VOCABULARY.write(folder);
        assertThat(folder.resolve("compact_vocabulary.json"))
                .hasContent(
                        "{\"encoding\": \"r50k_base\", \"tokens\": [50256, 13, 42, 5910, 16754]}");
        assertThat(CompactVocabulary.read(folder).encode("Kobe.")).containsExactly(2, 3, 1);
    }

    @Test
    void aWrongFileIsRefusedByItsName(@TempDir Path folder) throws IOException {
        Path file = folder.resolve(CompactVocabulary.FILE);
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> CompactVocabulary.read(folder))
                .withMessageContaining("vocabulary must be readable");
        Files.writeString(file, "{\"encoding\": \"r50k_base\", \"tokens\": [50256, 13, 13]}");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> CompactVocabulary.read(folder))
                .withMessageContaining("must begin with 50256 and be distinct");
        Files.writeString(file, "{\"encoding\": \"r50k_base\", \"tokens\": [50256, 50257]}");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> CompactVocabulary.read(folder))
                .withMessageContaining("tokens[1] must be >= 0 and <= 50256, got 50257");
        Files.writeString(file, "{\"encoding\": \"cl100k\", \"tokens\": [50256]}");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> CompactVocabulary.read(folder))
                .withMessageContaining("encoding of a vocabulary must be r50k_base, got cl100k");
    }

    @Test
    void theWholeVocabularyWritesSpecialTokensOut() {
        R50k whole = new R50k();
        assertThat(whole.encode("Kobe Bryant")).containsExactly(42, 5910, 16754);
        assertThat(whole.decode(new int[] {42, 50256})).isEqualTo("K<|endoftext|>");
        assertThat(whole.decode(whole.encode("naïve \u4f60\u597d <|endoftext|>  ")))
                .isEqualTo("naïve \u4f60\u597d <|endoftext|>  ");
        assertThat(whole.encode("<|endoftext|>")).hasSizeGreaterThan(1);
    }
}
