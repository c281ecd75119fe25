package cleave.run;

import cleave.tensor.AtomicFile;
import cleave.training.CompactionReceipt;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/// `compactions.jsonl`: the receipt of each merging as one JSON object per line
/// (docs/reading-a-run.md). The file is replaced whole, so that no line is ever torn.
final class CompactionLog {
    private static final JsonMapper JSON =
            JsonMapper.builder()
                    .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                    .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
                    .build();

    private CompactionLog() {}

    /// Removes the receipts of mergings that took place before a later step than `step`.
    static void cutBackTo(RunDirectory run, long step) throws IOException {
        run.checkWritable();
        Path file = run.compactionsFile();
        if (Files.exists(file)) {
            String text = Files.readString(file);
            String kept =
                    text.lines()
                            .filter(line -> JSON.readTree(line).path("step").asLong() <= step)
                            .map(line -> line + "\n")
                            .collect(Collectors.joining());
            if (!kept.equals(text)) {
                AtomicFile.write(file, kept);
            }
        }
    }

    static void append(RunDirectory run, CompactionReceipt receipt) throws IOException {
        run.checkWritable();
        Path file = run.compactionsFile();
        String before = Files.exists(file) ? Files.readString(file) : "";
        AtomicFile.write(file, before + JSON.writeValueAsString(receipt) + "\n");
    }
}
