package cleave.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import cleave.config.UserError;
import cleave.data.TextData.Jsonl;
import cleave.data.TextData.Prompts;
import cleave.data.TextData.Text;
import cleave.model.Sentence;
import cleave.model.TextTask.LossesAt;
import cleave.study.facts.Facts;
import cleave.study.facts.Facts.Part;
import cleave.study.facts.Statement.About;
import cleave.text.CompactVocabulary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextDataTest {
    /// "." 1, "K" 2, " a" 3, "obe" 4, " golf" 5, " Bryant" 6; end-of-text 0.
    private static final CompactVocabulary TOKENS =
            CompactVocabulary.of(List.of("Kobe Bryant a golf."));

    @TempDir private Path folder;
    private Path file;

    @BeforeEach
    void nameTheFile() {
        file = folder.resolve("data");
    }

    @Test
    void aPromptIsALineOfWhichNobodyKnowsWhatFollows() throws IOException {
        Files.writeString(file, "Kobe Bryant\n\nKobe\n");
        assertThat(new Prompts(file.toString(), LossesAt.LAST).sentences(TOKENS, 4))
                .containsExactly(
                        Sentence.of(List.of(2, 4, 6), Sentence.UNKNOWN),
                        Sentence.of(List.of(2, 4), Sentence.UNKNOWN));
    }

    @Test
    void textIsCutIntoRowsThatKnowWhatFollows() throws IOException {
        Files.writeString(file, "Kobe Bryant golf.\nKobe\n");
        assertThat(new Text(file.toString()).sentences(TOKENS, 2))
                .containsExactly(
                        Sentence.of(List.of(2, 4), 6),
                        Sentence.of(List.of(6, 5), 1),
                        Sentence.of(List.of(1), 0),
                        Sentence.of(List.of(2, 4), 0));
    }

    @Test
    void aLineOfJsonMayHaveAnAnswer() throws IOException {
        Files.writeString(
                file, "{\"text\": \"Kobe\", \"answer\": \" golf\"}\n{\"text\": \"Kobe.\"}\n");
        assertThat(new Jsonl(file.toString(), LossesAt.ANSWER).sentences(TOKENS, 3))
                .containsExactly(
                        new Sentence(List.of(2, 4, 5), 0, 2, 3), Sentence.of(List.of(2, 4, 1), 0));
    }

    @Test
    void everyLineThatDoesNotFitIsNamed() throws IOException {
        Files.writeString(file, "Kobe\nKobe Bryant golf.\nZidane\n");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> new Prompts(file.toString(), LossesAt.ALL).sentences(TOKENS, 3))
                .withMessageContaining(
                        file
                                + ":2: sentences must have at most 3 tokens, the length of a row, got 5")
                .withMessageContaining(file + ":3: text must consist of the model's 7 tokens");
    }

    @Test
    void malformedLinesAndMissingFilesAreRefused() throws IOException {
        Jsonl json = new Jsonl(file.toString(), LossesAt.LAST);
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(json::pieces)
                .withMessageContaining("data must be a file, got none (");
        Files.writeString(file, "\n \n");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(json::pieces)
                .withMessageContaining("data must have a line that is not blank");
        Files.writeString(file, "{\"text\": \"Kobe\"}\n{\"txt\": \"a\"}\n{\"text\": \"\"}\n");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(json::pieces)
                .withMessageContaining(file + ":2")
                .withMessageContaining("txt is not a known key")
                .withMessageContaining(file + ":3")
                .withMessageContaining("must not be empty");
        Files.writeString(file, "{text: Kobe}\nKobe\n{\"text\": \"Kobe\"\n");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(json::pieces)
                .withMessageContaining(file + ":1: line must be a JSON object, got {text: Kobe}: ")
                .withMessageContaining(file + ":2: line must be a JSON object, got Kobe: ")
                .withMessageContaining(
                        file + ":3: line must be a JSON object, got {\"text\": \"Kobe\": ");
        Files.writeString(file, "{\"text\": \"%s\"} {}\n".formatted("a".repeat(99)));
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(json::pieces)
                .withMessageContaining("a...: "); // cut, and why
        Files.writeString(file, "{\"text\": \"Ko\", \"answer\": \"be golf\"}\n");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(
                        () -> json.sentences(CompactVocabulary.of(List.of("Kobe golf", "Ko")), 9))
                .withMessageContaining("answer must begin and end between tokens");
    }

    @Test
    void jsonIsReadAsJson() throws IOException {
        // Raw and escaped, one text is one text: NEL, DEL and line separators are legal in JSON.
        String odd = "a\u0085b\u007fc\u2028d\u0001";
        Files.write(
                file,
                List.of(
                        "\uFEFF{\"id\": 7, \"text\": \"a\u0085b\u007fc\u2028d\\u0001\", \"answer\": null}",
                        "{\"text\": \"\\u0061\\u0085b\\u007Fc\\u2028d\\u0001\", \"meta\": {\"a\": [1]}}",
                        "{\"text\": \"\\ud83d\\ude00\"}"));
        assertThat(new Jsonl(file.toString(), LossesAt.LAST).pieces())
                .extracting(TextData.Piece::text)
                .containsExactly(odd, odd, "\uD83D\uDE00");
    }

    @Test
    void aLineMayBeLong() throws IOException {
        String text = "a".repeat(21_000_000);
        Files.writeString(file, "{\"text\": \"%s\"}\n".formatted(text));
        assertThat(new Jsonl(file.toString(), LossesAt.LAST).pieces().getFirst().text().length())
                .isEqualTo(text.length());
    }

    @Test
    void whatIsWrongWithALineOfJsonIsSaidWithoutTheNamesOfClasses() throws IOException {
        Files.writeString(
                file,
                """
                {"text": "a"} {"text": "b"}
                {"text": "a", "anser": "b"}
                {"text": 3}
                {"text": "\\ud83d"}
                {"text": "a"
                {"answer": "b"}
                {"text": "a", "text": "b"}
                """);
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> new Jsonl(file.toString(), LossesAt.LAST).pieces())
                .withMessageContaining(
                        ":1: line must be a JSON object, got {\"text\": \"a\"} {\"text\": \"b\"}: more follows the first value")
                .withMessageContaining(":2: anser is not a known key\nhint: did you mean answer?")
                .withMessageContaining(":3: text must be text, got 3")
                .withMessageContaining(":4: text must be Unicode text, got half a character at 0")
                .withMessageContaining(":5: line must be a JSON object, got {\"text\": \"a\": ")
                .withMessageContaining(":6: text is missing")
                .withMessageContaining(":7: line must be a JSON object")
                .satisfies(
                        refused -> assertThat(refused.getMessage()).doesNotContain("jackson", "`"));
    }

    @Test
    void aByteOrderMarkIsNoText() throws IOException {
        Files.writeString(file, "\uFEFFKobe\n");
        assertThat(new Prompts(file.toString(), LossesAt.LAST).sentences(TOKENS, 4))
                .containsExactly(Sentence.of(List.of(2, 4), Sentence.UNKNOWN));
        assertThat(new Text(file.toString()).pieces().getFirst().text()).isEqualTo("Kobe");
    }

    @Test
    void factsAreThoseAskedFor() {
        CompactVocabulary all =
                CompactVocabulary.of(
                        new Facts(List.of(About.FORWARD), Part.EVERY, LossesAt.LAST).vocabulary());
        List<Sentence> trained =
                new Facts(List.of(About.FORWARD), Part.TRAINED, LossesAt.LAST).sentences(all, 20);
        List<Sentence> heldOut =
                new Facts(List.of(About.FORWARD), Part.HELD_OUT, LossesAt.LAST).sentences(all, 20);
        assertThat(trained).hasSize(72 * 6).doesNotContainAnyElementsOf(heldOut);
        assertThat(heldOut).hasSize(72 * 2);
    }
}
