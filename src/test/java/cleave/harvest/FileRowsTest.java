package cleave.harvest;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.Golden;
import cleave.text.CompactVocabulary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class FileRowsTest {
    private static final Path PARQUET = Golden.FOLDER.resolve("parquet").resolve("zstd.parquet");
    private static final CompactVocabulary TOKENS =
            CompactVocabulary.of(
                    Golden.read("parquet/texts.json")
                            .valueStream()
                            .map(text -> text.asString(""))
                            .toList());

    @TempDir private Path folder;

    /// The rows of all files of a folder, padding cut off.
    private static List<List<Integer>> rows(Path text, long limit) throws IOException {
        List<List<Integer>> all = new ArrayList<>();
        try (FileRows rows = new FileRows(FileRows.of(List.of(text)), TOKENS, 16, 3, limit)) {
            for (TextRows.Rows next = rows.next(); next != null; next = rows.next()) {
                for (int i = 0; i < next.tokens().length; i++) {
                    all.add(Arrays.stream(next.tokens()[i]).limit(next.used()[i]).boxed().toList());
                }
            }
        }
        return all;
    }

    @Test
    void aDataSetInParquetHasTheRowsOfTheSameInLinesOfJson() throws IOException {
        Path set = folder.resolve("parquet");
        Path parquet = Files.createDirectories(set.resolve("data"));
        Files.copy(PARQUET, parquet.resolve("train-00000-of-00001.parquet"));
        Files.writeString(parquet.resolveSibling("README.md"), "no text");
        StringBuilder lines = new StringBuilder();
        for (JsonNode text : Golden.read("parquet/texts.json")) {
            lines.append("{\"text\": %s}\n".formatted(text.isNull() ? "\"\"" : text));
        }
        Path json = Files.createDirectories(folder.resolve("json"));
        Files.writeString(json.resolve("train.jsonl"), lines);
        List<List<Integer>> rows = rows(set, Long.MAX_VALUE);
        assertThat(rows).hasSizeGreaterThan(900).isEqualTo(rows(json, Long.MAX_VALUE));
        assertThat(rows(set, 40)).isEqualTo(rows(json, 40)).hasSize(4);
    }
}
