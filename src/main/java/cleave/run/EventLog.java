package cleave.run;

import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/// What happened in a run between two steps, one JSON object per line with the `step` before which
/// it happened: `compactions.jsonl` and `twins.jsonl` (docs/reference/run-files.md). A file is
/// replaced whole, so that no line is ever torn.
final class EventLog {
    private static final JsonMapper JSON =
            JsonMapper.builder()
                    .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                    .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
                    .build();

    private final RunDirectory run;
    private final Path file;

    private EventLog(RunDirectory run, Path file) {
        this.run = run;
        this.file = file;
    }

    /// A run's log without the events before a later step than `step`.
    static EventLog cutBackTo(RunDirectory run, Path file, long step) throws IOException {
        run.checkWritable();
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
        return new EventLog(run, file);
    }

    void append(Record event) throws IOException {
        run.checkWritable();
        String before = Files.exists(file) ? Files.readString(file) : "";
        AtomicFile.write(file, before + JSON.writeValueAsString(event) + "\n");
    }
}
