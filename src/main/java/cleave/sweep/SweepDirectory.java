package cleave.sweep;

import cleave.config.Binder;
import cleave.config.Diff;
import cleave.config.UserError;
import cleave.config.Variation;
import cleave.config.YamlTree;
import cleave.hub.Model;
import cleave.run.RunFile;
import cleave.run.RunLock;
import cleave.tensor.AtomicFile;
import com.fasterxml.jackson.annotation.JsonAnyGetter;
import com.fasterxml.jackson.annotation.JsonAnySetter;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SequencedSet;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.DoubleNode;

/// The folder of a sweep.
///
/// ```
/// sweep.json      format, and what every run shares beside the configuration
/// config.yaml     the first run's configuration as resolved
/// rows.json       one object for each run that ended, rows.csv the same as a table
/// summary.txt     means and spreads
/// RUN.yaml        a run's configuration as resolved
/// RUN/            its run directory
/// program.jar     the program as it was when the sweep was last started
/// lock            held by the sweeping process
/// ```
final class SweepDirectory implements AutoCloseable {
    /// The newest format version this program reads, and the one it writes.
    static final int VERSION = 1;

    private static final String FORMAT = "cleave-sweep";
    private static final String MARKER = "sweep.json";
    private static final String CONFIG = "config.yaml";
    private static final String ROWS = "rows.json";

    /// What a creation that was killed half-way may leave.
    private static final Set<String> UNMARKED =
            Set.of(RunLock.FILE, CONFIG, ".config.yaml.tmp", ".sweep.json.tmp");

    private static final JsonMapper JSON =
            JsonMapper.builder()
                    .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                    .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
                    .enable(SerializationFeature.INDENT_OUTPUT)
                    .changeDefaultPropertyInclusion(
                            old -> old.withValueInclusion(JsonInclude.Include.NON_NULL))
                    .build();

    /// What all runs of a sweep share beside their configuration.
    ///
    /// @param vary the varied keys
    /// @param sequences of each census
    /// @param targetSha256 of the target's weights; absent when the target is varied
    /// @param measures values of the options that measure more, each under its own name
    private record Shared(
            String format,
            int version,
            List<String> vary,
            int sequences,
            @Nullable String targetSha256,
            @JsonAnyGetter @JsonAnySetter Map<String, JsonNode> measures) {

        /// A sweep that measures no more has none of these keys.
        private Shared {
            measures = new TreeMap<>(Objects.requireNonNullElse(measures, Map.of()));
        }

        /// The values of the options; a later version may keep other things beside them.
        private SortedMap<String, Double> values() {
            SortedMap<String, Double> values = new TreeMap<>();
            measures.forEach((name, value) -> {
                if (value.isNumber()) {
                    values.put(name, value.doubleValue());
                }
            });
            return values;
        }
    }

    private final Path path;
    private final @Nullable RunLock lock; // null on ranks that do not write
    private final SequencedMap<Cell.Key, Row> rows = new LinkedHashMap<>();

    private SweepDirectory(Path path, @Nullable RunLock lock) {
        this.path = path;
        this.lock = lock;
    }

    /// Makes a new sweep, or opens an existing one to go on with it, and locks it. Seeds and values
    /// may be more, fewer or others than before; nothing else may differ.
    ///
    /// @param sequences of each census
    /// @param measures what is measured beside it
    /// @throws UserError for another sweep's folder, naming what differs
    static SweepDirectory open(
            Path path, SweepPlan plan, int sequences, List<Sweep.Measure> measures)
            throws IOException {
        if (Files.exists(path)) {
            checkOurs(path);
        }
        Files.createDirectories(path);
        RunLock lock = RunLock.acquire(path, "sweep directory");
        try {
            SweepDirectory directory = new SweepDirectory(path, lock);
            directory.begin(plan, sequences, measures);
            return directory;
        } catch (IOException | RuntimeException failure) {
            lock.close();
            throw failure;
        }
    }

    /// The folder of a sweep that another rank has open, and keeps the rows of.
    static SweepDirectory ofAnother(Path path) {
        return new SweepDirectory(path, null);
    }

    private static void checkOurs(Path path) throws IOException {
        if (!Files.isDirectory(path)) {
            throw new UserError(
                    "sweep directory must be a folder, got a file (%s)".formatted(path));
        }
        if (Files.isRegularFile(path.resolve(MARKER))) {
            return;
        }
        try (Stream<Path> entries = Files.list(path)) {
            List<String> others =
                    entries.map(entry -> entry.getFileName().toString())
                            .filter(name -> !UNMARKED.contains(name))
                            .toList();
            if (!others.isEmpty()) {
                throw new UserError(
                        "sweep directory must be new, empty or a sweep, got a folder of %d entries (%s)"
                                .formatted(others.size(), path));
            }
        }
    }

    private void begin(SweepPlan plan, int sequences, List<Sweep.Measure> measures)
            throws IOException {
        RunFile first = plan.cells().getFirst().file();
        List<String> vary = plan.variations().stream().map(Variation::key).toList();
        Map<String, JsonNode> values = new TreeMap<>();
        measures.forEach(each -> values.put(each.name(), DoubleNode.valueOf(each.value())));
        Shared now =
                new Shared(
                        FORMAT,
                        VERSION,
                        vary,
                        sequences,
                        vary.contains("target") ? null : Model.sha256(Path.of(first.target())),
                        values);
        if (Files.isRegularFile(path.resolve(MARKER))) {
            refuseChanges(plan, first, shared(), now);
            readRows();
        }
        // The target may have moved; the marker is last, it makes the sweep begun.
        AtomicFile.write(path.resolve(CONFIG), YamlTree.write(Binder.toTree(first)));
        AtomicFile.write(path.resolve(MARKER), JSON.writeValueAsString(now) + "\n");
    }

    private Shared shared() throws IOException {
        Path file = path.resolve(MARKER);
        Shared shared = read(file, Shared.class);
        if (!FORMAT.equals(shared.format())) {
            throw new UserError(
                    "sweep directory must hold a %s of format %s, got %s (%s)"
                            .formatted(MARKER, FORMAT, shared.format(), file));
        }
        if (shared.version() > VERSION) {
            throw new UserError(
                    "sweep directory's format version must be at most %d, got %d (%s)\nhint: a newer cleave wrote this sweep; update cleave to go on with it"
                            .formatted(VERSION, shared.version(), file));
        }
        return shared;
    }

    private void refuseChanges(SweepPlan plan, RunFile first, Shared before, Shared now)
            throws IOException {
        List<String> changes = new ArrayList<>();
        if (!before.vary().equals(now.vary())) {
            changes.add("varied keys: %s -> %s".formatted(before.vary(), now.vary()));
        }
        if (before.sequences() != now.sequences()) {
            changes.add("--sequences: %d -> %d".formatted(before.sequences(), now.sequences()));
        }
        SortedSet<String> names = new TreeSet<>(before.values().keySet());
        names.addAll(now.values().keySet());
        for (String name : names) {
            Double old = before.values().get(name);
            Double own = now.values().get(name);
            if (!Objects.equals(old, own)) {
                changes.add("--%s: %s -> %s".formatted(name, old, own));
            }
        }
        boolean sameTarget =
                now.targetSha256() != null && now.targetSha256().equals(before.targetSha256());
        if (!sameTarget && now.targetSha256() != null && before.targetSha256() != null) {
            changes.add(
                    "target weights: sha-256 %s -> %s"
                            .formatted(before.targetSha256(), now.targetSha256()));
        }
        Path file = path.resolve(CONFIG);
        Diff.changedKeys(YamlTree.parse(file.toString(), Files.readString(file)), first).stream()
                .filter(change -> !change.path().equals("seed"))
                .filter(change -> !(change.path().equals("target") && sameTarget))
                .filter(change ->
                        plan.variations().stream().noneMatch(vary -> vary.covers(change.path())))
                .forEach(change -> changes.add(change.toString()));
        if (!changes.isEmpty()) {
            throw new UserError(
                    "a sweep must keep its configuration, got changes (%s)\n%s\nhint: start a new sweep with --out"
                            .formatted(
                                    file,
                                    changes.stream()
                                            .map(change -> "  " + change)
                                            .collect(Collectors.joining("\n"))));
        }
    }

    private void readRows() throws IOException {
        Path file = path.resolve(ROWS);
        if (Files.isRegularFile(file)) {
            for (Row row : read(file, Row[].class)) {
                rows.put(key(row), row);
            }
        }
    }

    private static Cell.Key key(Row row) {
        return new Cell.Key(new LinkedHashMap<>(row.vary()), row.seed());
    }

    /// What a sweep keeps of the runs that ended; empty where a folder is none.
    static Optional<List<Row>> rows(Path folder) throws IOException {
        Path file = folder.resolve(ROWS);
        return Files.isRegularFile(folder.resolve(MARKER)) && Files.isRegularFile(file)
                ? Optional.of(List.of(read(file, Row[].class)))
                : Optional.empty();
    }

    private static <T> T read(Path file, Class<T> type) throws IOException {
        try {
            return JSON.readValue(Files.readAllBytes(file), type);
        } catch (JacksonException malformed) {
            throw new UserError(
                    "sweep must have JSON as cleave writes it, got %s (%s)"
                            .formatted(malformed.getOriginalMessage(), file),
                    malformed);
        }
    }

    /// The folder itself.
    Path path() {
        return path;
    }

    /// The run directory of a cell.
    Path run(Cell cell) {
        return path.resolve(cell.directory());
    }

    /// The configuration of a cell, written anew: as resolved, and safe from later changes of the
    /// file that the sweep was started with.
    Path config(Cell cell) throws IOException {
        Path file = path.resolve(cell.directory() + ".yaml");
        AtomicFile.write(file, YamlTree.write(Binder.toTree(cell.file())));
        return file;
    }

    /// The row of a cell, if it ended before.
    synchronized Optional<Row> row(Cell cell) {
        return Optional.ofNullable(rows.get(cell.key()));
    }

    /// Keeps a row, in the place of an earlier one of its run.
    synchronized void keep(Row row) throws IOException {
        rows.put(key(row), row);
        AtomicFile.write(path.resolve(ROWS), JSON.writeValueAsString(rows()) + "\n");
        AtomicFile.write(path.resolve("rows.csv"), csv(rows()));
    }

    /// Rows as text, for another rank.
    static String text(List<Row> rows) {
        return rows.isEmpty() ? "" : JSON.writeValueAsString(rows);
    }

    /// The rows of such a text.
    static List<Row> rows(String text) {
        return text.isEmpty() ? List.of() : List.of(JSON.readValue(text, Row[].class));
    }

    /// All rows: combinations of varied values in the order they came, seeds rising.
    synchronized List<Row> rows() {
        SequencedMap<Map<String, String>, TreeMap<Long, Row>> groups = new LinkedHashMap<>();
        rows.values()
                .forEach(row ->
                        groups.computeIfAbsent(
                                        row.vary(), _ -> new TreeMap<>(Comparator.naturalOrder()))
                                .put(row.seed(), row));
        return groups.values().stream().flatMap(group -> group.values().stream()).toList();
    }

    private static String csv(List<Row> rows) {
        SequencedSet<String> varied = new LinkedHashSet<>();
        SequencedSet<String> figures = new LinkedHashSet<>();
        rows.forEach(row -> {
            varied.addAll(row.vary().keySet());
            figures.addAll(row.figures().keySet());
        });
        List<String> head = new ArrayList<>(varied);
        head.addAll(List.of("seed", "run", "error"));
        head.addAll(figures);
        head.addAll(List.of("minutes", "cpu", "threads", "version", "commit", "command"));
        StringBuilder text = new StringBuilder(line(head));
        for (Row row : rows) {
            List<@Nullable Object> cells = new ArrayList<>();
            varied.forEach(key -> cells.add(row.vary().get(key)));
            cells.add(row.seed());
            cells.add(row.run());
            cells.add(row.error());
            figures.forEach(name -> cells.add(row.figures().get(name)));
            cells.add(row.minutes());
            cells.add(row.machine() == null ? null : row.machine().cpu());
            cells.add(row.machine() == null ? null : row.machine().threads());
            cells.add(row.program() == null ? null : row.program().version());
            cells.add(row.program() == null ? null : row.program().gitCommit());
            cells.add(row.command());
            text.append(line(cells));
        }
        return text.toString();
    }

    /// One line, quoted as RFC 4180 has it; what is unknown is empty.
    private static String line(List<? extends @Nullable Object> cells) {
        return cells.stream()
                        .map(cell -> cell == null ? "" : cell.toString())
                        .map(cell ->
                                cell.matches("[^,\"\\r\\n]*")
                                        ? cell
                                        : "\"" + cell.replace("\"", "\"\"") + "\"")
                        .collect(Collectors.joining(","))
                + "\n";
    }

    @Override
    public void close() throws IOException {
        if (lock != null) {
            lock.close();
        }
    }
}
