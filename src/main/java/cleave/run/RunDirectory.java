package cleave.run;

import cleave.config.UserError;
import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The folder of one run. `run.json` marks it as ours and gives the version of its format.
///
/// ```
/// run.json            {"format":"cleave-run","version":2}
/// config.yaml         the configuration as resolved; written last, it makes the run begun
/// target/             the run's own copy of the target model
/// data/               its own copy of the file that stream N reads, as stream-N, counted from 0
/// provenance.json     what ran, where and when
/// metrics.jsonl       one line per logged step
/// compactions.jsonl   one line per merging of dead subcomponents
/// twins.jsonl          one line per handover between twins
/// log.txt
/// report.html
/// checkpoints/STEP/   decomposition.safetensors, training.safetensors, checksums.json
/// lock                held by the writing process
/// ```
///
/// A directory that was created or resumed holds the lock until it is closed; one that was opened
/// only reads, and need not be closed.
public final class RunDirectory implements AutoCloseable {
    /// The newest format version this program reads, that of an exported run: its checkpoint has
    /// nothing to train on from, and no parameters of merged subcomponents.
    public static final int VERSION = 3;

    /// The format version of a run that is trained. It may hold merged subcomponents; a run of
    /// version 1 reads the same without them.
    private static final int TRAINED = 2;

    private static final String FORMAT = "cleave-run";
    private static final String MARKER = "run.json";
    private static final String CONFIG = "config.yaml";
    static final String TARGET = "target";
    static final String DATA = "data";
    private static final JsonMapper JSON = new JsonMapper();

    /// What a creation that was killed half-way may leave without a marker, and with one; none of
    /// it is worth keeping.
    private static final Set<String> UNMARKED = Set.of(RunLock.FILE, ".run.json.tmp");

    private static final Set<String> UNFINISHED =
            Set.of(
                    RunLock.FILE,
                    ".run.json.tmp",
                    MARKER,
                    ".config.yaml.tmp",
                    TARGET,
                    DATA,
                    "provenance.json",
                    ".provenance.json.tmp",
                    "checkpoints",
                    "log.txt");

    /// The same of an export, which also copies records before it is begun.
    private static final Set<String> UNFINISHED_EXPORT =
            Stream.concat(UNFINISHED.stream(), Stream.of("README.md", ".README.md.tmp"))
                    .collect(Collectors.toUnmodifiableSet());

    private static final Pattern RECORD = Pattern.compile("\\w+\\.jsonl?|\\.\\w+\\.jsonl?\\.tmp");

    private final Path path;
    private final @Nullable RunLock lock;

    private RunDirectory(Path path, @Nullable RunLock lock) {
        this.path = path;
        this.lock = lock;
    }

    /// What else a run holds from its beginning.
    @FunctionalInterface
    interface Beginning {
        /// Writes it.
        void write(RunDirectory run) throws IOException;
    }

    /// Makes a new run in a folder that does not exist or is empty, and locks it.
    public static RunDirectory create(Path path, String configYaml) throws IOException {
        return create(path, configYaml, _ -> {});
    }

    /// Makes a new run whose beginning is there whole or not at all: killed before the end of this,
    /// the folder can be used for a new run; killed after it, the run can be resumed.
    static RunDirectory create(Path path, String configYaml, Beginning beginning)
            throws IOException {
        return create(path, TRAINED, configYaml, beginning);
    }

    /// Makes a run that is only read.
    static RunDirectory createExported(Path path, String configYaml, Beginning beginning)
            throws IOException {
        if (Files.isDirectory(path) && isOurs(path) && Files.exists(path.resolve(CONFIG))) {
            throw new UserError(
                    "export must go to a new or empty folder, got an existing run (%s)"
                            .formatted(path));
        }
        return create(path, VERSION, configYaml, beginning);
    }

    private static RunDirectory create(
            Path path, int version, String configYaml, Beginning beginning) throws IOException {
        requireUnused(path);
        Files.createDirectories(path);
        RunLock lock = RunLock.acquire(path);
        try {
            checkUnused(path); // another process may have been here before the lock was ours
            AtomicFile.write(
                    path.resolve(MARKER),
                    "{\"format\":\"%s\",\"version\":%d}\n".formatted(FORMAT, version));
            RunDirectory run = new RunDirectory(path, lock);
            beginning.write(run);
            AtomicFile.write(run.configFile(), configYaml);
            AtomicFile.syncFolder(path.toRealPath().resolve(".."));
            return run;
        } catch (IOException | RuntimeException failure) {
            lock.close();
            throw failure;
        }
    }

    /// Opens an existing run for reading.
    public static RunDirectory open(Path path) {
        checkOurs(path);
        return new RunDirectory(path, null);
    }

    /// Opens an existing run for writing, and locks it.
    ///
    /// @throws UserError when it is an exported one
    public static RunDirectory resume(Path path) throws IOException {
        if (checkOurs(path) > TRAINED) {
            throw new UserError(
                    "a resumed run must hold what training needs to go on, got an exported run (%s)\nhint: --from %s starts a new run from it"
                            .formatted(path, path));
        }
        return new RunDirectory(path, RunLock.acquire(path));
    }

    /// Whether a folder holds a run that has begun.
    public static boolean isBegun(Path path) {
        return isOurs(path) && Files.isRegularFile(path.resolve(CONFIG));
    }

    /// Whether it is an exported run, which is only read.
    public boolean isExported() {
        return isExported(path);
    }

    /// The folder itself.
    public Path path() {
        return path;
    }

    /// The run's own copy of the target model.
    Path targetFolder() {
        return path.resolve(TARGET);
    }

    /// The run's own copies of the files that its streams read.
    Path dataFolder() {
        return path.resolve(DATA);
    }

    /// The resolved configuration.
    public Path configFile() {
        return path.resolve(CONFIG);
    }

    /// What ran, where and when.
    public Path provenanceFile() {
        return path.resolve("provenance.json");
    }

    /// The logged steps.
    public Path metricsFile() {
        return path.resolve("metrics.jsonl");
    }

    /// The receipts of mergings.
    public Path compactionsFile() {
        return path.resolve("compactions.jsonl");
    }

    /// Where handovers between twins are written, one per line.
    public Path twinsFile() {
        return path.resolve("twins.jsonl");
    }

    /// Everything that was said.
    public Path logFile() {
        return path.resolve("log.txt");
    }

    /// The report page.
    public Path reportFile() {
        return path.resolve("report.html");
    }

    /// The saved states.
    public Checkpoints checkpoints() {
        return new Checkpoints(this);
    }

    /// Releases the lock, if this directory holds it.
    @Override
    public void close() throws IOException {
        if (lock != null) {
            lock.close();
        }
    }

    /// Refuses to write without the lock.
    void checkWritable() {
        if (lock == null || !lock.isHeld()) {
            throw new IllegalStateException(
                    "run directory " + path + " was written to without its lock, please report");
        }
    }

    /// Refuses a path at which no new run can be made.
    public static void requireUnused(Path path) throws IOException {
        requireOutsideRuns("run directory", path);
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            checkUnused(path);
        }
    }

    /// Refuses a folder within a run's, whose files are the run's own.
    ///
    /// @param what the folder is to be, for the message
    /// @throws UserError naming the run
    public static void requireOutsideRuns(String what, Path path) {
        for (Path above = path.toAbsolutePath().normalize().getParent();
                above != null;
                above = above.getParent()) {
            if (isOurs(above)) {
                throw new UserError(
                        "%s must lie outside of every run, got %s within the run %s"
                                .formatted(what, path, above));
            }
        }
    }

    private static void checkUnused(Path path) throws IOException {
        Set<String> names = names(path);
        if (names.stream().allMatch(leftover(path))) {
            return;
        }
        if (isOurs(path)) {
            throw new UserError(
                    "run directory must be new or empty, got an existing run (%s)\n".formatted(path)
                            + "hint: --resume continues it");
        }
        throw new UserError(
                "run directory must be new or empty, got a folder of %d entries (%s)"
                        .formatted(names.size(), path));
    }

    private static Set<String> names(Path path) throws IOException {
        try (Stream<Path> entries = Files.list(path)) {
            return entries.map(entry -> entry.getFileName().toString()).collect(Collectors.toSet());
        } catch (NotDirectoryException other) {
            throw new UserError(
                    "run directory must be new or empty, got a file (%s)".formatted(path), other);
        }
    }

    /// What may lie in a folder that is taken for a new run. An export that was not finished may
    /// hold records of any name.
    private static Predicate<String> leftover(Path path) {
        if (!isOurs(path)) {
            return UNMARKED::contains;
        }
        return isExported(path)
                ? name -> UNFINISHED_EXPORT.contains(name) || RECORD.matcher(name).matches()
                : UNFINISHED::contains;
    }

    private static boolean isExported(Path path) {
        return marker(path).path("version").asInt() > TRAINED;
    }

    /// The version of its format.
    private static int checkOurs(Path path) {
        if (!Files.exists(path)) {
            throw new UserError(
                    "run directory must exist, got %s (%s)\n".formatted(path, path.toAbsolutePath())
                            + "hint: cleave decompose CONFIG --run %s makes one".formatted(path));
        }
        if (!Files.isDirectory(path)) {
            throw new UserError("run directory must be a folder, got a file (%s)".formatted(path));
        }
        if (!isOurs(path)) {
            throw new UserError(
                    "run directory must hold a %s of format %s, got a folder that no run made (%s)"
                            .formatted(MARKER, FORMAT, path));
        }
        JsonNode version = marker(path).path("version");
        if (!version.isInt() || version.intValue() < 1) {
            throw new UserError(
                    "run directory's format version must be a number from 1, got %s (%s)"
                            .formatted(version, path.resolve(MARKER)));
        }
        if (version.intValue() > VERSION) {
            throw new UserError(
                    "run directory's format version must be at most %d, got %d (%s)\n"
                                    .formatted(VERSION, version.intValue(), path.resolve(MARKER))
                            + "hint: a newer cleave wrote this run; update cleave to read it");
        }
        if (!Files.isRegularFile(path.resolve(CONFIG))) {
            throw new UserError(
                    "run directory must hold %s, got a run that was never begun (%s)\n"
                                    .formatted(CONFIG, path)
                            + "hint: without --resume, cleave decompose begins it");
        }
        return version.intValue();
    }

    private static boolean isOurs(Path path) {
        return Files.isRegularFile(path.resolve(MARKER))
                && marker(path).path("format").asString("").equals(FORMAT);
    }

    private static JsonNode marker(Path path) {
        try {
            return JSON.readTree(Files.readAllBytes(path.resolve(MARKER)));
        } catch (JacksonException | IOException unreadable) {
            return JSON.missingNode();
        }
    }
}
