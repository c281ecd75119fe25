package cleave.run;

import cleave.config.UserError;
import cleave.engine.Engine;
import cleave.engine.Engines;
import cleave.hub.WeightFiles;
import cleave.tensor.AtomicFile;
import cleave.tensor.Device;
import cleave.tensor.NativeRuntime;
import cleave.tensor.Type;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// Where a run comes from, kept as `provenance.json`: what decides its numbers (`subject`), and one
/// session for the start and for every resume. What is unknown is left out of the file.
public record Provenance(Subject subject, List<Session> sessions) {
    private static final JsonMapper JSON =
            JsonMapper.builder()
                    .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                    .disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
                    .enable(SerializationFeature.INDENT_OUTPUT)
                    .changeDefaultPropertyInclusion(
                            old -> old.withValueInclusion(JsonInclude.Include.NON_NULL))
                    .build();

    /// Keeps an unmodifiable copy.
    public Provenance {
        sessions = List.copyOf(sessions);
    }

    /// The parts that are the same on every machine.
    ///
    /// @param targetFile the file's name without its folder
    public record Subject(long seed, String targetFile, String targetSha256) {
        /// Names and digests the target's file, or the index of its files.
        public static Subject of(long seed, Path targetFile) throws IOException {
            return new Subject(
                    seed, targetFile.getFileName().toString(), WeightFiles.sha256(targetFile));
        }

        /// Refuses weights that are not those the run was made on.
        void requireTarget(Path weights) throws IOException {
            String found = WeightFiles.sha256(weights);
            if (!found.equals(targetSha256)) {
                throw new UserError(
                        "target weights must be those the run was made on, of sha-256 %s, got %s (%s)\n"
                                        .formatted(targetSha256, found, weights)
                                + "hint: put the file back, or start a new run");
            }
        }
    }

    /// One start of the program on this run.
    ///
    /// @param ended absent when the session is not over, or was killed
    /// @param lengthened what it made of the run's number of steps; absent where it kept it
    public record Session(
            Program program,
            List<String> commandLine,
            Machine machine,
            Instant started,
            @Nullable Instant ended,
            @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Lengthened lengthened) {
        /// One that keeps the number of steps.
        public Session(
                Program program,
                List<String> commandLine,
                Machine machine,
                Instant started,
                @Nullable Instant ended) {
            this(program, commandLine, machine, started, ended, null);
        }

        /// Keeps an unmodifiable copy.
        public Session {
            commandLine = List.copyOf(commandLine);
        }
    }

    /// A number of steps before and after a session lengthened the run. Schedules run over `to`
    /// from step `at` on; those before ran over `from`.
    ///
    /// @param at the first step of the session
    public record Lengthened(long from, long to, long at) {}

    /// The program as built.
    ///
    /// @param gitCommit of the checkout it runs from; absent when there is none
    /// @param gitDirty whether tracked files differ from that commit
    public record Program(String version, @Nullable String gitCommit, @Nullable Boolean gitDirty) {
        private static final String DIRTY = "-dirty";

        /// The program that is running: the version of its build, and the commit where it runs from
        /// a checkout.
        public static Program running() {
            return of(buildVersion(), Path.of(System.getProperty("cleave.home", ".")));
        }

        /// The version of the build, from the properties file that Maven fills in.
        public static String buildVersion() {
            Properties properties = new Properties();
            try (InputStream in = Program.class.getResourceAsStream("/cleave/version.properties")) {
                if (in == null) {
                    throw new IllegalStateException("the build lacks cleave/version.properties");
                }
                properties.load(in);
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
            return properties.getProperty("version");
        }

        /// The program and its version, as in `cleave 1.2.0 (1a2b3c4)`.
        String named() {
            return "cleave "
                    + version
                    + (gitCommit == null
                            ? ""
                            : " (%s)"
                                    .formatted(
                                            gitCommit.substring(
                                                    0, Math.min(7, gitCommit.length()))));
        }

        /// Asks git about `home`, if that is a checkout; never fails, and gives up after seconds.
        public static Program of(String version, Path home) {
            Optional<String> description =
                    Files.exists(home.resolve(".git"))
                            ? output(
                                    "git",
                                    "-C",
                                    home.toString(),
                                    "describe",
                                    "--always",
                                    "--dirty",
                                    "--abbrev=40",
                                    "--exclude=*")
                            : Optional.empty();
            return description
                    .filter(text -> text.matches("[0-9a-f]{40,64}(" + DIRTY + ")?"))
                    .map(text ->
                            new Program(version, text.replace(DIRTY, ""), text.endsWith(DIRTY)))
                    .orElse(new Program(version, null, null));
        }
    }

    /// The parts that differ between machines, and may move the last digits of the numbers.
    ///
    /// @param kernels what those of libtorch and OpenBLAS were chosen for, and the engine; absent
    ///   in old runs
    /// @param threads the worker threads in use, of each rank
    /// @param ranks how many processes computed together; absent for one
    public record Machine(
            String jdk,
            @Nullable String libtorch,
            String os,
            String arch,
            @Nullable String cpu,
            @Nullable String kernels,
            int threads,
            @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Integer ranks) {
        /// One process on a machine.
        public Machine(
                String jdk,
                @Nullable String libtorch,
                String os,
                String arch,
                @Nullable String cpu,
                @Nullable String kernels,
                int threads) {
            this(jdk, libtorch, os, arch, cpu, kernels, threads, null);
        }

        /// This machine with the engine for float32 numbers.
        public static Machine here(int threads) {
            return here(threads, Engines.of(Type.FLOAT, Device.CPU));
        }

        /// This machine with an engine.
        public static Machine here(int threads, Engine engine) {
            return here(threads, engine, 1);
        }

        /// This machine, on which rank 0 of several runs.
        ///
        /// @param threads of each rank
        public static Machine here(int threads, Engine engine, int ranks) {
            return new Machine(
                    System.getProperty("java.vendor") + " " + System.getProperty("java.version"),
                    NativeRuntime.libtorchVersion(),
                    System.getProperty("os.name") + " " + System.getProperty("os.version"),
                    System.getProperty("os.arch"),
                    cpuModel(),
                    Engines.kernels(engine),
                    threads,
                    ranks == 1 ? null : ranks);
        }

        /// The processor and the kernels for it.
        public String processor() {
            String model = cpu == null ? "unknown CPU" : cpu;
            return kernels == null ? model : model + " (" + kernels + ")";
        }
    }

    /// The provenance of a run that starts with this session.
    public static Provenance start(Subject subject, Session session) {
        return new Provenance(subject, List.of(session));
    }

    /// With one more session, for a resume.
    public Provenance resumed(Session session) {
        List<Session> longer = new ArrayList<>(sessions);
        longer.add(session);
        return new Provenance(subject, longer);
    }

    /// With the end of the last session.
    public Provenance ended(Instant time) {
        List<Session> changed = new ArrayList<>(sessions);
        Session last = changed.removeLast();
        changed.add(
                new Session(
                        last.program(),
                        last.commandLine(),
                        last.machine(),
                        last.started(),
                        time,
                        last.lengthened()));
        return new Provenance(subject, changed);
    }

    /// Writes `provenance.json`.
    public void write(RunDirectory run) throws IOException {
        run.checkWritable();
        AtomicFile.write(run.provenanceFile(), JSON.writeValueAsString(this) + "\n");
    }

    /// The program that last wrote to a run, for messages.
    static String writer(RunDirectory run) {
        try {
            return read(run).sessions().getLast().program().named();
        } catch (UserError unreadable) {
            return "a cleave of unknown version";
        }
    }

    /// Reads `provenance.json`.
    ///
    /// @throws UserError when it cannot be read, or lacks what every version writes
    public static Provenance read(RunDirectory run) {
        try {
            JsonNode tree = JSON.readTree(Files.readAllBytes(run.provenanceFile()));
            for (String key : List.of("/subject/target_sha256", "/sessions/0/program/version")) {
                if (tree.at(key).isMissingNode()) {
                    throw new UserError(
                            "provenance must be JSON as cleave writes it, got no %s (%s)"
                                    .formatted(
                                            key.substring(1).replace('/', '.'),
                                            run.provenanceFile()));
                }
            }
            return JSON.treeToValue(tree, Provenance.class);
        } catch (IOException failure) {
            throw new UserError(
                    "provenance must be readable, got %s (%s)"
                            .formatted(UserError.reason(failure), run.provenanceFile()),
                    failure);
        } catch (JacksonException malformed) {
            throw new UserError(
                    "provenance must be JSON as cleave writes it, got %s (%s)"
                            .formatted(malformed.getOriginalMessage(), run.provenanceFile()),
                    malformed);
        }
    }

    /// The one short line a command prints; empty when it fails or takes long.
    private static Optional<String> output(String... command) {
        try {
            Process process =
                    new ProcessBuilder(command)
                            .redirectError(ProcessBuilder.Redirect.DISCARD)
                            .start();
            if (!process.waitFor(3, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return Optional.empty();
            }
            String line =
                    new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return process.exitValue() == 0 ? Optional.of(line.strip()) : Optional.empty();
        } catch (IOException notInstalled) {
            return Optional.empty();
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }

    private static @Nullable String cpuModel() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(line -> line.startsWith("model name"))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse(null);
        } catch (IOException notLinux) {
            return null;
        }
    }
}
