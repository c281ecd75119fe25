package cleave.study.induction;

import cleave.analysis.Census;
import cleave.command.JsonOutput;
import cleave.command.RunCensus;
import cleave.config.UserError;
import cleave.hub.Model;
import cleave.model.ModelSpec;
import cleave.model.Task;
import cleave.run.LoadedRun;
import cleave.tensor.Type;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave circuit`: the causal check of the induction circuit.
@Command(
        name = "circuit",
        description =
                "Suppress the subcomponents of each matrix and step and see which attention and"
                        + " accuracy fall; or ask a target which matrices it needs.")
public final class CircuitCommand implements Callable<Integer> {
    /// Sequences per slice.
    static final int SLICE_ROWS = 64;

    @Parameters(
            paramLabel = "RUN",
            description = "Run directory; with --necessity, a target model's or a run's.")
    private Path run;

    @Option(
            names = "--sequences",
            paramLabel = "N",
            description =
                    "Sequences of the evaluation stream. Default: 2048; 1024 with --necessity.")
    private @Nullable Integer sequences;

    @Option(
            names = "--necessity",
            description =
                    "Fit subcomponents with ideal importances to the target, with one matrix"
                            + " empty at a time: which matrices need any? Minutes.")
    private boolean necessity;

    @Option(
            names = "--steps",
            paramLabel = "N",
            description = "With --necessity: steps of one refit. Default: 400.")
    private @Nullable Integer steps;

    @Option(
            names = "--seed",
            paramLabel = "N",
            description = "With --necessity: seed of the refits. Default: 0.")
    private @Nullable Long seed;

    @Option(
            names = "--rank",
            paramLabel = "N",
            description =
                    "With --necessity: subcomponents of each matrix but V1, which is whole."
                            + " Default: 1.")
    private @Nullable Integer rank;

    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    @Override
    public Integer call() {
        if (necessity) {
            return ask();
        }
        if (steps != null || seed != null || rank != null) {
            throw new UserError("--steps, --seed and --rank must come with --necessity, got none");
        }
        try (LoadedRun loaded = LoadedRun.open(run)) {
            requireInduction(loaded.model().spec(), run);
            Census census = RunCensus.of(loaded, 0.5, sequences == null ? 2048 : sequences);
            Circuit circuit = of(loaded, census);
            if (json.enabled()) {
                json.print(circuit);
            } else {
                json.text().print(CircuitText.of(circuit));
            }
        }
        return 0;
    }

    private Integer ask() {
        Necessity.Settings options = Necessity.Settings.DEFAULT;
        options =
                new Necessity.Settings(
                        steps == null ? options.steps() : steps,
                        seed == null ? options.seed() : seed,
                        sequences == null ? options.sequences() : sequences,
                        rank == null ? options.rank() : rank);
        PrintWriter err = command.commandLine().getErr();
        try (Model model = Model.load(target(), Type.FLOAT)) {
            requireInduction(model.spec(), target());
            Task task = model.spec().task("evaluation", model.spec().length());
            Necessity result =
                    Necessity.of(
                            model.target(),
                            task,
                            options,
                            line -> {
                                err.println(line);
                                err.flush();
                            });
            if (json.enabled()) {
                json.print(result);
            } else {
                json.text().print(NecessityText.of(result));
            }
        }
        return 0;
    }

    /// Refuses other models: the check takes each attention pattern for a layer, and a GPT-2 has
    /// one for each head.
    private static void requireInduction(ModelSpec spec, Path path) {
        if (!(spec instanceof ModelSpec.InductionTransformer)) {
            throw new UserError(
                    "target must be an induction transformer, got %s (%s)"
                            .formatted(spec.getClass().getSimpleName(), path));
        }
    }

    /// The model's folder, or a run's own copy of it.
    private Path target() {
        return Files.isRegularFile(run.resolve("run.json")) ? run.resolve("target") : run;
    }

    public static Circuit of(LoadedRun run, Census census) {
        return Circuit.of(
                run.decomposition(), run.task(), census, census.sample().sequences(), SLICE_ROWS);
    }
}
