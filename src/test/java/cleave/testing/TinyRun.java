package cleave.testing;

import cleave.cli.Main;
import cleave.hub.Model;
import cleave.model.InductionTransformer.Added;
import cleave.model.InductionTransformer.Code;
import cleave.model.ModelSpec;
import cleave.tensor.Scopes;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A decomposition that takes well under a second: an induction transformer of width 8 with random
/// weights, of which `Q0` and `V1` are taken apart into 4 subcomponents each, in 30 steps.
///
/// Its loss terms are of every kind, and its batch of 4 is cut into slices of 3 and 1.
public final class TinyRun {
    /// Steps of a run, unless set otherwise.
    public static final int STEPS = 30;

    /// The shape of the target.
    public static final ModelSpec.InductionTransformer SPEC =
            new ModelSpec.InductionTransformer(
                    8, 12, 8, 2, Code.FIXED, Added.AFTER, true, true, 0.5);

    private static final String CONFIG =
            """
            target: model
            seed: 7
            steps: 30
            sites:
              - {pattern: "Q0", subcomponents: 4}
              - {pattern: "V1", subcomponents: 4}
            start: aligned
            warmup: {steps: 3, learning_rate: 0.01, weight_decay: 0.0}
            importance: {kind: sequence, hidden: 32, causal: true, positions: 12, own_activation: true}
            leak: sign_gated
            faithfulness: {coefficient: 10.0, relative: false}
            streams:
              - name: train
                length: 12
                batch: 4
                weight_delta: stochastic
                losses:
                  - {kind: reconstruction, coefficient: 1.0, masks: stochastic, routing: all, draws: 1}
                  - kind: reconstruction
                    coefficient: 1.0
                    masks: importance
                    routing: {kind: random_subset, drawn: per_batch}
                    draws: 1
                  - kind: importance_minimality
                    coefficient: 0.1
                    p: {kind: linear, from: 1.0, to: 0.5}
                    epsilon: 1.0e-12
                    zero_is_free: true
                    positions: mean
                    frequency: 0.1
                  - {kind: usage, coefficient: 0.01, exponent: 0.5, offset: 1.0e-5}
            optimizer:
              learning_rate: 0.01
              adam: {beta1: 0.9, beta2: 0.999, epsilon: 1.0e-8, weight_decay: 0.0}
              clip_gates: 1.0
            machine: {workers: 1, slice: 3, precision: float32}
            cadence: {log: 1, checkpoint: 5}
            """;

    private final Path folder;

    private TinyRun(Path folder) {
        this.folder = folder;
    }

    /// How a command ended and what it printed.
    public record Result(int exitCode, String out, String err) {}

    /// Writes the target and the configuration into a folder.
    public static TinyRun in(Path folder) throws IOException {
        TinyRun tiny = new TinyRun(folder);
        tiny.writeModel(0);
        Files.writeString(tiny.config(), CONFIG);
        return tiny;
    }

    /// Writes the target with random weights of this seed.
    public void writeModel(long seed) {
        Scopes.run(() -> {
            try {
                Model.save(model(), SPEC, SPEC.initial(seed), "# Random weights\n");
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
    }

    /// The target's folder.
    public Path model() {
        return folder.resolve("model");
    }

    /// The configuration.
    public Path config() {
        return folder.resolve("tiny.yaml");
    }

    /// A run directory beside the configuration.
    public Path run(String name) {
        return folder.resolve(name);
    }

    /// Runs `cleave decompose` on the configuration in this process.
    public Result decompose(Path run, String... options) {
        return cleave(arguments(run, options));
    }

    /// The same where importances cost next to nothing, so that some subcomponents are on in the
    /// end; at the cost of the configuration none are.
    public Result decomposeWithSomeOn(Path run, String... options) {
        List<String> all = new ArrayList<>(Arrays.asList(options));
        all.addAll(
                List.of(
                        "--set",
                        "streams[0].losses[2].coefficient=1.0e-9",
                        "--set",
                        "streams[0].losses[3].coefficient=1.0e-9"));
        return decompose(run, all.toArray(String[]::new));
    }

    /// The command line of another process for the same.
    public List<String> decomposeCommand(Path run, String... options) {
        return Child.brief(Main.class, arguments(run, options));
    }

    private String[] arguments(Path run, String... options) {
        List<String> arguments = new ArrayList<>();
        arguments.addAll(List.of("decompose", config().toString(), "--run", run.toString()));
        arguments.addAll(Arrays.asList(options));
        return arguments.toArray(String[]::new);
    }

    /// Runs `cleave` in this process.
    public static Result cleave(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int exitCode = Main.run(new PrintWriter(out), new PrintWriter(err), arguments);
        return new Result(exitCode, out.toString(), err.toString());
    }

    /// The lines of a JSON Lines file of a run.
    public static List<JsonNode> lines(Path file) throws IOException {
        return Files.readString(file).lines().map(JsonMapper.shared()::readTree).toList();
    }

    /// The steps of a run's checkpoints, oldest first.
    public static List<Long> checkpoints(Path run) throws IOException {
        try (Stream<Path> entries = Files.list(run.resolve("checkpoints"))) {
            return entries.map(entry -> entry.getFileName().toString())
                    .filter(name -> !name.startsWith("."))
                    .map(Long::valueOf)
                    .sorted()
                    .toList();
        }
    }

    /// Takes the newest checkpoint away, as if the run had been killed before it.
    public static void loseNewestCheckpoint(Path run) throws IOException {
        for (String file :
                List.of("decomposition.safetensors", "training.safetensors", "checksums.json")) {
            Files.delete(newest(run, file));
        }
        Files.delete(newest(run, ""));
    }

    /// A file of the newest checkpoint.
    public static Path newest(Path run, String file) throws IOException {
        long step = checkpoints(run).stream().max(Comparator.naturalOrder()).orElseThrow();
        return run.resolve("checkpoints").resolve(Long.toString(step)).resolve(file);
    }

    /// A copy of a run as it would be without its last checkpoint, that of `step`.
    public static Path withoutCheckpoint(Path run, long step, Path copy) throws IOException {
        Path gone = run.resolve("checkpoints").resolve(Long.toString(step));
        return copy(run, file -> !file.startsWith(gone), copy);
    }

    /// A copy of a run.
    public static Path copy(Path run, Path copy) throws IOException {
        return copy(run, _ -> true, copy);
    }

    private static Path copy(Path run, Predicate<Path> wanted, Path copy) throws IOException {
        try (Stream<Path> files = Files.walk(run)) {
            for (Path file : files.filter(wanted).toList()) {
                Files.copy(file, copy.resolve(run.relativize(file).toString()));
            }
        }
        return copy;
    }

    /// The file of U, V and gates in the newest checkpoint.
    public static Path decomposition(Path run) throws IOException {
        return newest(run, "decomposition.safetensors");
    }

    /// Turns the last bit of a file.
    public static void flipLastBit(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 1] ^= 1;
        Files.write(file, bytes);
    }
}
