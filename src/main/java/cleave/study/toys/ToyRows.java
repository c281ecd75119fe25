package cleave.study.toys;

import cleave.config.UserError;
import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.json.JsonMapper;

/// The rows of earlier runs, one JSON object per line; none is ever removed.
public final class ToyRows {
    private static final JsonMapper JSON =
            JsonMapper.builder().disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY).build();

    private final Path file;
    private final List<ToyRow> rows;

    private ToyRows(Path file, List<ToyRow> rows) {
        this.file = file;
        this.rows = rows;
    }

    /// Reads the rows; none where there is no file yet.
    ///
    /// @throws UserError when a line is not a row
    public static ToyRows read(Path file) throws IOException {
        List<ToyRow> rows = new ArrayList<>();
        if (Files.exists(file)) {
            for (String line : Files.readAllLines(file)) {
                try {
                    rows.add(ToyRow.fromJson(JSON.readTree(line)));
                } catch (JacksonException malformed) {
                    throw new UserError(
                            "rows must be one JSON object per line, got %s (%s:%d)"
                                    .formatted(line, file, rows.size() + 1),
                            malformed);
                }
            }
        }
        return new ToyRows(file, rows);
    }

    /// The newest row of a decomposition.
    public Optional<ToyRow> newest(ToyRow.Key key) {
        return rows.reversed().stream().filter(row -> row.key().equals(key)).findFirst();
    }

    /// Adds a row to the file.
    public void add(ToyRow row) throws IOException {
        rows.add(row);
        Files.createDirectories(file.toAbsolutePath().resolveSibling(""));
        AtomicFile.write(
                file,
                rows.stream()
                        .map(each -> JSON.writeValueAsString(each.toJson()) + "\n")
                        .collect(Collectors.joining()));
    }
}
