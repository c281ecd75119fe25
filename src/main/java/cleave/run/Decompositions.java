package cleave.run;

import cleave.config.Binder;
import cleave.config.InvalidConfig;
import cleave.config.Kinds;
import cleave.config.Problem;
import cleave.config.UserError;
import cleave.decomposition.Compaction;
import cleave.decomposition.Twins;
import cleave.hub.WeightStorage;
import cleave.importance.ImportanceFunction;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.VectorMlp;
import cleave.loss.Faithfulness;
import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.mask.WeightDelta;
import cleave.model.Target;
import cleave.model.Task;
import cleave.run.RunFile.Cadence;
import cleave.run.RunFile.Machine;
import cleave.run.RunFile.Optimizer;
import cleave.run.RunFile.Precision;
import cleave.run.RunFile.SitePattern;
import cleave.run.RunFile.StreamFile;
import cleave.schedule.Schedule;
import cleave.subcomponent.Subcomponents.Start;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.NativeRuntime;
import cleave.tensor.Scopes;
import cleave.tensor.Type;
import cleave.training.Adam;
import cleave.training.Trainer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/// Describes a decomposition in Java, without a configuration file: of a model that the program
/// holds in memory, with losses, masks or an importance function of its own where it has any.
///
/// ```
/// HeldRun run =
///         Decompositions.of(model, Pairs::new)
///                 .sites("layer*", 8)
///                 .importance(new VectorMlp(4))
///                 .losses(reconstruction, minimality)
///                 .steps(2000)
///                 .in(Path.of("runs/pairs"));
/// run.train();
/// ```
///
/// The settings mean what the keys of a configuration mean (`docs/reference/run-files.md`), and
/// have its defaults. Parts of a program's own are records, since a run writes its configuration
/// down to tell whether a resumed one is the same.
public final class Decompositions {
    private static final String STREAM = "training";

    private final Target target;
    private final Function<String, Task> tasks;
    private final List<SitePattern> sites = new ArrayList<>();
    private final Optimizer standard =
            new Optimizer(
                    Schedule.constant(1e-3),
                    Optional.empty(),
                    new Adam.Settings(0.9, 0.999, 1e-8, 0),
                    Optional.empty(),
                    Optional.empty());
    private long seed;
    private long steps;
    private int batch = 64;
    private Start start = Start.ALIGNED;
    private Optional<Trainer.Warmup> warmup = Optional.empty();
    private ImportanceFunction importance = new VectorMlp(8);
    private Leak leak = Leak.SIGN_GATED;
    private Faithfulness faithfulness = new Faithfulness(Schedule.constant(1), false);
    private WeightDelta weightDelta = WeightDelta.NONE;
    private List<LossTerm> losses = List.of();
    private Optimizer optimizer = standard;
    private Optional<Compaction.Settings> compaction = Optional.empty();
    private Optional<Twins.Settings> twins = Optional.empty();
    private int workers = 2;
    private int slice = 16;
    private Cadence cadence = new Cadence(100, 1000);

    private Decompositions(Target target, Function<String, Task> tasks) {
        this.target = target;
        this.tasks = tasks;
    }

    /// A decomposition of a model that the program holds, and closes when it is done with it.
    ///
    /// @param tasks makes the examples of a stream from its name, by which they are keyed: of
    ///   `training`, and of `evaluation` for what is measured afterwards
    public static Decompositions of(Target target, Function<String, Task> tasks) {
        NativeRuntime.start();
        return new Decompositions(target, tasks);
    }

    /// Also decomposes the sites that a glob names, such as `layer*`, into this many subcomponents
    /// each.
    public Decompositions sites(String pattern, int subcomponents) {
        sites.add(new SitePattern(pattern, subcomponents));
        return this;
    }

    /// The loss terms on the examples; faithfulness is apart from them.
    public Decompositions losses(LossTerm... terms) {
        losses = List.of(terms);
        return this;
    }

    /// The length of the run.
    public Decompositions steps(long count) {
        steps = count;
        return this;
    }

    /// Sequences per step; 64 when not said.
    public Decompositions batch(int sequences) {
        batch = sequences;
        return this;
    }

    /// The seed of every draw; 0 when not said.
    public Decompositions seed(long number) {
        seed = number;
        return this;
    }

    /// The function that predicts causal importances; `vector_mlp` of width 8 when not said.
    public Decompositions importance(ImportanceFunction function) {
        importance = function;
        return this;
    }

    /// What the lower sigmoid does below zero.
    public Decompositions leak(Leak kind) {
        leak = kind;
        return this;
    }

    /// How U and V start.
    public Decompositions start(Start kind) {
        start = kind;
        return this;
    }

    /// Steps on faithfulness alone before step 0.
    public Decompositions warmup(Trainer.Warmup settings) {
        warmup = Optional.of(settings);
        return this;
    }

    /// The loss term without data.
    public Decompositions faithfulness(Faithfulness term) {
        faithfulness = term;
        return this;
    }

    /// How much of the weight delta stays in masked passes.
    public Decompositions weightDelta(WeightDelta share) {
        weightDelta = share;
        return this;
    }

    /// The learning rate of U, V and gates, by Adam with its usual settings; 0.001 when not said.
    public Decompositions learningRate(Schedule rate) {
        return optimizer(
                new Optimizer(
                        rate,
                        standard.subcomponentRate(),
                        standard.adam(),
                        standard.clipSubcomponents(),
                        standard.clipGates()));
    }

    /// The same with a rate that stays the same.
    public Decompositions learningRate(double rate) {
        return learningRate(Schedule.constant(rate));
    }

    /// How gradients become updates.
    public Decompositions optimizer(Optimizer settings) {
        optimizer = settings;
        return this;
    }

    /// When dead subcomponents are merged; never when not said.
    public Decompositions compaction(Compaction.Settings settings) {
        compaction = Optional.of(settings);
        return this;
    }

    /// When one of two subcomponents that are on together takes over; never when not said.
    public Decompositions twins(Twins.Settings settings) {
        twins = Optional.of(settings);
        return this;
    }

    /// Threads, and sequences that a thread takes at a time; 2 and 16 when not said.
    public Decompositions workers(int threads, int sequences) {
        workers = threads;
        slice = sequences;
        return this;
    }

    /// Steps between lines of metrics, and between checkpoints; 100 and 1000 when not said.
    public Decompositions cadence(long log, long checkpoint) {
        cadence = new Cadence(log, checkpoint);
        return this;
    }

    /// The run in a directory: a new one, or one that this description made before.
    ///
    /// @throws UserError with everything that is wrong with the description
    public HeldRun in(Path directory) {
        requireRecords();
        RunFile file = file();
        Kinds kinds = Kinds.installed().withPartsOf(file);
        RunFile read = checked(file, kinds);
        HeldTarget held =
                new HeldTarget(target, tasks, kinds, directory.resolve(RunDirectory.TARGET));
        return new HeldRun(read, held, directory);
    }

    private RunFile file() {
        long length =
                Scopes.run(() ->
                        tasks.apply(STREAM).examples(seed, Purpose.DATA, 0, 1).batch().length());
        Precision precision = target.type() == Type.DOUBLE ? Precision.FLOAT64 : Precision.FLOAT32;
        return new RunFile(
                name(),
                seed,
                steps,
                sites,
                start,
                warmup,
                importance,
                leak,
                faithfulness,
                List.of(
                        new StreamFile(
                                STREAM,
                                Optional.empty(),
                                Math.toIntExact(length),
                                batch,
                                weightDelta,
                                losses)),
                optimizer,
                compaction,
                twins,
                new Machine(
                        workers, slice, precision, NativeRuntime.arithmetic(), WeightStorage.FULL),
                cadence);
    }

    /// What the target is called in reports.
    private String name() {
        String name = target.getClass().getSimpleName();
        return name.isEmpty() ? "target" : name;
    }

    /// Refuses parts that cannot be written down.
    private void requireRecords() {
        List<Object> parts = new ArrayList<>(losses);
        parts.add(importance);
        for (LossTerm term : losses) {
            if (term instanceof Reconstruction reconstruction) {
                parts.add(reconstruction.masks());
            }
        }
        for (Object part : parts) {
            if (!(part instanceof Record)) {
                throw new UserError(
                        "losses, masks and the importance function must be records, got an object of %s"
                                .formatted(part.getClass().getName()));
            }
        }
    }

    /// The configuration as it is read again from what a run writes, so that every rule of
    /// configurations holds here too.
    private static RunFile checked(RunFile file, Kinds kinds) {
        RunFile read;
        try {
            read = Binder.bind(Binder.toTree(file, kinds), RunFile.class, kinds, _ -> {});
        } catch (InvalidConfig refused) {
            throw new UserError(
                    refused.problems().stream()
                            .map(Problem::message)
                            .collect(Collectors.joining("\n")),
                    refused);
        }
        if (!read.equals(file)) {
            throw new UserError(
                    "losses, masks and the importance function must be the same when they are written and read again, got %s from %s"
                            .formatted(read, file));
        }
        return read;
    }
}
