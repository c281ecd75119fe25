package cleave.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cleave.config.UserError;
import cleave.data.TextData.Jsonl;
import cleave.data.TextData.Text;
import cleave.model.TextTask.LossesAt;
import cleave.testing.Golden;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Reads files that `src/test/golden/parquet.py` wrote with `pyarrow`.
class ParquetTextsTest {
    private static final Path FOLDER = Golden.FOLDER.resolve("parquet");

    @TempDir private Path folder;

    private static List<String> read(Path file) {
        List<String> all = new ArrayList<>();
        try (ParquetTexts texts = ParquetTexts.open(file)) {
            for (String text = texts.next(); text != null; text = texts.next()) {
                all.add(text);
            }
            assertThat(texts.next()).isNull();
        }
        return all;
    }

    private static List<String> texts() {
        List<String> texts = new ArrayList<>();
        Golden.read("parquet/texts.json").forEach(each -> texts.add(each.asString("")));
        return texts;
    }

    @ParameterizedTest
    @ValueSource(strings = {"snappy", "zstd", "gzip", "none"})
    void textsAreReadHoweverTheyArePacked(String codec) {
        assertThat(read(FOLDER.resolve(codec + ".parquet"))).isEqualTo(texts());
    }

    @Test
    void aRowWithoutATextIsEmpty() {
        assertThat(texts()).hasSize(706).startsWith("Kobe Bryant a golf.", "", "");
        assertThat(read(FOLDER.resolve("repeated.parquet")))
                .containsExactly("Kobe", "golf", "Kobe", "");
    }

    @Test
    void theOnlyColumnOfStringsIsReadUnderAnyName() {
        assertThat(read(FOLDER.resolve("content.parquet"))).containsExactly("Kobe", "golf");
    }

    @Test
    void aFileMayBeLeftBeforeItsEnd() {
        try (ParquetTexts texts = ParquetTexts.open(FOLDER.resolve("snappy.parquet"))) {
            assertThat(texts.next()).isEqualTo("Kobe Bryant a golf.");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock =
                    """
                    two     | must have strings in a column text, or in one column alone, got question: strings, answers: strings, tags.list.element: lists of strings, id: INT64 (
                    numbers | must have strings in a column text, or in one column alone, got text: INT64 (
                    lz4     | must be packed with snappy, gzip or zstd, or not at all, got LZ4
                    """)
    void aFileWithoutTextsSaysWhatItHas(String name, String message) {
        Path file = FOLDER.resolve(name + ".parquet");
        assertThatThrownBy(() -> read(file))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("Parquet file " + message)
                .hasMessageContaining(file.toString())
                .hasMessageContaining("hint: ");
    }

    @Test
    void whatIsNoParquetFileIsRefused() throws IOException {
        Path file = folder.resolve("x.parquet");
        Files.writeString(file, "{\"text\": \"Kobe\"}\n");
        assertThatThrownBy(() -> read(file))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("Parquet file must be the file itself, got text");
        Files.writeString(
                file, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n");
        assertThatThrownBy(() -> read(file))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("got the pointer of Git LFS");
        Files.write(file, new byte[0]);
        assertThatThrownBy(() -> read(file))
                .isInstanceOf(UserError.class)
                .hasMessageStartingWith("Parquet file must be readable, got ");
        assertThatThrownBy(() -> read(folder.resolve("none.parquet")))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("Parquet file must be readable, got no such file");
    }

    /// Every cut end, and every hundredth byte turned over, is refused in words or changes texts
    /// alone.
    @Test
    void aDamagedFileIsRefusedInWords() throws IOException {
        byte[] whole = Files.readAllBytes(FOLDER.resolve("zstd.parquet"));
        Path file = folder.resolve("damaged.parquet");
        for (int length = 10; length < whole.length; length += whole.length / 9) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> read(file))
                    .isInstanceOf(UserError.class)
                    .hasMessageStartingWith("Parquet file must ");
        }
        int refused = 0;
        for (int at = 0; at < whole.length; at += 97) {
            byte[] damaged = whole.clone();
            damaged[at] ^= 0x55;
            Files.write(file, damaged);
            try {
                read(file);
            } catch (UserError wrong) {
                assertThat(wrong).hasMessageStartingWith("Parquet file must ");
                refused++;
            }
        }
        assertThat(refused).isPositive();
    }

    @Test
    void aStreamOfTextReadsIt() {
        Path file = FOLDER.resolve("content.parquet");
        assertThat(new Text(file.toString()).pieces())
                .extracting(TextData.Piece::text)
                .containsExactly("Kobe", "golf");
        assertThatThrownBy(() -> new Jsonl(file.toString(), LossesAt.ALL).pieces())
                .isInstanceOf(UserError.class)
                .hasMessageContaining("data must be lines of JSON, got Parquet");
        assertThatThrownBy(() -> new Text(folder.resolve("none.parquet").toString()).pieces())
                .isInstanceOf(UserError.class)
                .hasMessageContaining("data must be a file, got none");
    }
}
