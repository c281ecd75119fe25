package cleave.study.sports;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import cleave.config.UserError;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A file of questions is JSON Lines, read as such: by a JSON reader, with all of a text.
class QuestionsFileTest {
    @TempDir private Path folder;

    private Catalogue read(String text) throws IOException {
        return Catalogue.file(Files.writeString(folder.resolve("questions.jsonl"), text));
    }

    /// A byte-order mark, a next-line character, a further key, an escape and a line of 4 MB.
    @Test
    void everyTextOfAFileIsKeptAsItIs() throws IOException {
        String wide = "x".repeat(4_000_000);
        Catalogue catalogue =
                read(
                        "\ufeff{\"id\": 7, \"subject\": \"A\", \"prompt\": \"one\u0085two\", \"answer\": \" b\"}\r\n"
                                + "{\"subject\": \"C\", \"prompt\": \"\\u0000 \\\"q\\\"\", \"answer\": \" d\"}\n"
                                + "{\"subject\": \"C\", \"prompt\": \""
                                + wide
                                + "\", \"answer\": \" d\"}\n");

        assertThat(catalogue.questions())
                .extracting(Question::prompt)
                .containsExactly("one\u0085two", "\0 \"q\"", wide);
    }

    @Test
    void whatIsNoJsonIsRefusedByItsLine() {
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> read("{subject: A, prompt: a, answer: b}\n"))
                .withMessageContaining(
                        "questions.jsonl:1: line must be a JSON object, got {subject");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> read("\n{\"subject\": \"\", \"answer\": \"a\"}\n"))
                .withMessage(
                        "%1$s:2: subject must not be empty\n%1$s:2: prompt is missing (text)"
                                .formatted(folder.resolve("questions.jsonl")));
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> read("version https://git-lfs.github.com/spec/v1\nsize 12\n"))
                .withMessageContaining(
                        "got the pointer of Git LFS to it, which stands for 12 bytes");
    }
}
