package cleave.run;

import cleave.config.Binder;
import cleave.config.ConfigFile;
import cleave.config.Diff;
import cleave.config.InvalidConfig;
import cleave.config.Kinds;
import cleave.config.UserError;
import cleave.config.YamlTree;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Parameters;
import cleave.engine.Engines;
import cleave.hub.Model;
import cleave.hub.NoModel;
import cleave.hub.WeightFiles;
import cleave.ranks.Exchange;
import cleave.run.Checkpoints.Checkpoint;
import cleave.tensor.Device;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.training.CompactionReceipt;
import cleave.training.NonFiniteLoss;
import cleave.training.Trainer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Runs a decomposition in a run directory: fresh, from another run, or resumed.
///
/// The state after any step can be saved; a run that is killed and resumed ends in the same bytes
/// as one that is not (docs/reference/spec.md, R5).
///
/// A run of several ranks is run by each of them: they compute together, and rank 0 writes.
public final class DecompositionRun {
    private static final long UNSAVED = -1; // no checkpoint yet

    private static final Logger LOG = LoggerFactory.getLogger(DecompositionRun.class);

    private DecompositionRun() {}

    /// What to run and where.
    ///
    /// @param file the configuration
    /// @param directory the run directory
    /// @param from a finished run whose subcomponents and gates are the starting point
    /// @param resume continue the directory's own run
    /// @param program the program, for provenance
    /// @param commandLine for provenance
    /// @param exchange with the other ranks; whoever made it closes it
    /// @param lengthens whether a resumed run may get more steps than it began with
    public record Order(
            RunFile file,
            Path directory,
            Optional<Path> from,
            boolean resume,
            Provenance.Program program,
            List<String> commandLine,
            Exchange exchange,
            boolean lengthens) {
        /// Of one rank.
        public Order(
                RunFile file,
                Path directory,
                Optional<Path> from,
                boolean resume,
                Provenance.Program program,
                List<String> commandLine) {
            this(file, directory, from, resume, program, commandLine, Exchange.alone(), false);
        }

        private TargetSource target() {
            return TargetSource.folder(file);
        }
    }

    /// Hears of progress.
    public interface Listener {
        /// Before the first step of this session.
        void begin(long firstStep, long steps);

        /// After a step.
        void step(Trainer.Report report);

        /// Whether the run goes on after the step that was just done; else it ends early and saves
        /// its state.
        default boolean goesOn() {
            return true;
        }

        /// After an early end was asked for and the state is saved. What the program says later may
        /// be cut off by the end of the process.
        default void stopped(long nextStep, long steps) {}
    }

    /// Checks a configuration against its target, as a run does before it begins.
    ///
    /// @throws UserError for a target that cannot be read, or sites and streams that it does not
    ///   have
    public static void check(RunFile file) {
        file.machine().start();
        try (Model model = load(file, Path.of(file.target()))) {
            file.checkAgainst(model);
            LeastMemory.require(file, file.sitesOf(model.target()));
        }
    }

    /// Runs to the end, or until the process is told to stop; either way the last state is saved.
    ///
    /// @return whether the run reached its last step
    public static boolean run(Order order, Listener listener) throws IOException {
        if (order.resume() && order.from().isPresent()) {
            throw new UserError(
                    "a resumed run must continue its own checkpoints, got --from %s with --resume"
                            .formatted(order.from().get()));
        }
        return run(order, order.target(), listener);
    }

    /// The same on a target that may be held in memory.
    static boolean run(Order order, TargetSource target, Listener listener) throws IOException {
        return order.resume() ? resume(order, target, listener) : begin(order, target, listener);
    }

    /// Everything that may be refused is refused before the directory is touched, and the directory
    /// counts as a run from the moment it holds the state before step 0.
    private static boolean begin(Order order, TargetSource target, Listener listener)
            throws IOException {
        RunFile file = order.file();
        Exchange exchange = order.exchange();
        if (exchange.writes()) {
            RunDirectory.requireUnused(order.directory());
        }
        file.machine().start();
        try (Model model = target.open()) {
            file.checkAgainst(model);
            model.target().use(file.machine().precision().products());
            List<DecomposedSite> sites = file.sitesOf(model.target());
            LeastMemory.requireCountable(file, sites);
            requireRoom(file, sites, order);
            try (DecompositionState training = initial(order, model, sites)) {
                long begun = order.from().isPresent() ? 0 : UNSAVED;
                if (!exchange.writes()) {
                    return train(order, Records.NONE, training, begun, listener);
                }
                try (RunDirectory run =
                        RunDirectory.create(
                                order.directory(),
                                YamlTree.write(Binder.toTree(file, target.kinds())),
                                made -> {
                                    target.copyTo(made.targetFolder());
                                    file.copyData(made.dataFolder());
                                    Provenance.start(subject(file, made), session(order))
                                            .write(made);
                                    made.checkpoints().begin();
                                    if (order.from().isPresent()) {
                                        Records.checkpoint(made, training);
                                    } // else the state before step 0 follows from the seed
                                })) {
                    return train(order, run, Provenance.read(run), training, begun, listener);
                }
            }
        }
    }

    /// What decides the run's numbers, with the digest of its own copy of the target.
    private static Provenance.Subject subject(RunFile file, RunDirectory run) throws IOException {
        return Provenance.Subject.of(file.seed(), WeightFiles.in(run.targetFolder()));
    }

    /// Refuses a run that does not fit on the disk of the rank that writes, or in the memory of
    /// this rank's machine.
    private static void requireRoom(RunFile file, List<DecomposedSite> sites, Order order) {
        List<String> problems = new ArrayList<>();
        if (order.exchange().writes()) {
            CheckpointRoom.of(file, sites, order.directory()).problem().ifPresent(problems::add);
        }
        LeastMemory.of(file, sites, order.exchange()).problem().ifPresent(problems::add);
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
    }

    private static boolean resume(Order order, TargetSource target, Listener listener)
            throws IOException {
        Exchange exchange = order.exchange();
        RunDirectory existing = RunDirectory.open(order.directory());
        Provenance before = Provenance.read(existing);
        RunFile own = ownFile(existing, target.kinds());
        refuseChanges(order, own, existing, before, target.kinds());
        Lengthening longer = new Lengthening(own, order.file().steps());
        RunFile file = order.file().withDataIn(existing.dataFolder());
        try (Model model = target.reopen(existing, file, before);
                RunDirectory run =
                        exchange.writes() ? RunDirectory.resume(order.directory()) : existing) {
            model.target().use(file.machine().precision().products());
            List<DecomposedSite> sites = file.sitesOf(model.target());
            Optional<Checkpoint> checkpoint = run.checkpoints().latest(LOG::warn);
            // A fresh run that was killed before its first checkpoint starts again.
            try (DecompositionState training =
                    checkpoint.isPresent()
                            ? DecompositionState.saved(
                                    file, model, sites, checkpoint.get(), exchange)
                            : begin(file, model, sites, exchange)) {
                checkpoint.ifPresent(saved -> restore(training, saved));
                LOG.info("resuming at step {} of {}", training.trainer().nextStep(), file.steps());
                long begun = checkpoint.map(Checkpoint::step).orElse(UNSAVED);
                exchange.barrier(); // nothing is written before every rank has read
                if (!exchange.writes()) {
                    return train(order, Records.NONE, training, begun, listener);
                }
                Provenance provenance =
                        before.resumed(session(order, longer, training.trainer().nextStep()));
                provenance.write(run);
                if (longer.isChange()) {
                    longer.write(run);
                    LOG.warn(longer.text(training.trainer().nextStep()));
                }
                return train(order, run, provenance, training, begun, listener);
            }
        }
    }

    /// A target as a configuration asks for it.
    static Model load(RunFile file, Path place) {
        try {
            return Model.load(place, type(file), file.machine().weights());
        } catch (NoModel missing) {
            throw UserError.withHints(
                    String.valueOf(missing.getMessage()),
                    "cleave train CONFIG --out %s makes one; --set target=PATH names another"
                            .formatted(place));
        }
    }

    static Type type(RunFile file) {
        return switch (file.machine().precision()) {
            case FLOAT32, BFLOAT16 -> Type.FLOAT;
            case FLOAT64 -> Type.DOUBLE;
        };
    }

    /// The configuration that a run has until now.
    private static RunFile ownFile(RunDirectory run, Kinds kinds) {
        try {
            return Binder.bind(tree(run), RunFile.class, kinds, _ -> {});
        } catch (InvalidConfig unknown) {
            throw LoadedRun.ofAnotherVersion(run, unknown);
        }
    }

    private static YamlTree.Node tree(RunDirectory run) {
        return YamlTree.parse(run.configFile().toString(), ConfigFile.text(run.configFile()));
    }

    // Compared as records, since an earlier version may have spelled the same otherwise.
    private static void refuseChanges(
            Order order, RunFile own, RunDirectory run, Provenance provenance, Kinds kinds) {
        RunFile file = order.file();
        // The same target in another place, as after a checkout was moved, is no change.
        List<Diff.Change> changes =
                Diff.changedKeys(tree(run), file, kinds).stream()
                        .filter(change ->
                                !(change.path().equals("target") && isSameTarget(file, provenance)))
                        .filter(change -> !(order.lengthens() && change.path().equals("steps")))
                        .toList();
        if (!changes.isEmpty()) {
            boolean longer =
                    changes.stream().allMatch(change -> change.path().equals("steps"))
                            && file.steps() > own.steps();
            throw UserError.withHints(
                    "a resumed run must keep its configuration, got changed keys (%s)\n%s"
                            .formatted(
                                    run.configFile(),
                                    changes.stream()
                                            .map(change -> "  " + change)
                                            .collect(Collectors.joining("\n"))),
                    longer
                            ? "--resume --steps %d lengthens the run".formatted(file.steps())
                            : "start a new run, with --from %s to begin from this one"
                                    .formatted(run.path()));
        }
    }

    private static boolean isSameTarget(RunFile file, Provenance provenance) {
        Path folder = Path.of(file.target());
        try {
            return Model.isModel(folder)
                    && Model.sha256(folder).equals(provenance.subject().targetSha256());
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private static Provenance.Session session(Order order) {
        return session(order, null);
    }

    private static Provenance.Session session(Order order, Lengthening longer, long next) {
        return session(
                order,
                longer.isChange()
                        ? new Provenance.Lengthened(longer.before().steps(), longer.to(), next)
                        : null);
    }

    private static Provenance.Session session(
            Order order, Provenance.@Nullable Lengthened lengthened) {
        return new Provenance.Session(
                order.program(),
                order.commandLine(),
                Provenance.Machine.here(
                        order.file().machine().workers(),
                        Engines.of(
                                type(order.file()),
                                Device.CPU,
                                order.file().machine().precision().products()),
                        order.exchange().size()),
                Instant.now(),
                null,
                lengthened);
    }

    static Trainer trainer(
            RunFile file,
            Model model,
            Decomposition decomposition,
            Parameters parameters,
            Exchange exchange) {
        return Scopes.run(() ->
                new Trainer(
                        file.method(model),
                        decomposition,
                        parameters,
                        file.machine().workers(),
                        exchange,
                        file.machine().slice()));
    }

    private static DecompositionState initial(
            Order order, Model model, List<DecomposedSite> sites) {
        RunFile file = order.file();
        if (order.from().isPresent()) {
            RunDirectory from = RunDirectory.open(order.from().get());
            requireSameTarget(from, model);
            DecompositionState training =
                    DecompositionState.saved(
                            file,
                            model,
                            sites,
                            LoadedRun.latest(from, LOG::warn),
                            order.exchange());
            requireFinite(training.parameters(), 0);
            return training;
        }
        return begin(file, model, sites, order.exchange());
    }

    /// A fresh training after its warm-up, a function of the configuration alone.
    private static DecompositionState begin(
            RunFile file, Model model, List<DecomposedSite> sites, Exchange exchange) {
        DecompositionState training = DecompositionState.fresh(file, model, sites, exchange);
        file.warmup().ifPresent(training.trainer()::warmUp);
        requireFinite(training.parameters(), 0);
        return training;
    }

    static Parameters fresh(RunFile file, Model model, List<DecomposedSite> sites) {
        return Decomposition.initial(
                model.target(),
                sites,
                file.importance(),
                file.start(),
                file.seed(),
                file.startInputs(model));
    }

    private static void requireSameTarget(RunDirectory from, Model model) {
        String theirs = Provenance.read(from).subject().targetSha256();
        String ours;
        try {
            ours = WeightFiles.sha256(model.weights());
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
        if (!theirs.equals(ours)) {
            throw new UserError(
                    "a run started --from another must have the same target, got weights with sha-256 %s here, %s there (%s)"
                            .formatted(ours, theirs, from.path()));
        }
    }

    private static void restore(DecompositionState training, Checkpoint checkpoint) {
        Path file =
                checkpoint
                        .training()
                        .orElseThrow(() ->
                                new UserError(
                                        "checkpoint must hold what training needs to go on, got a decomposition alone (%s)"
                                                .formatted(checkpoint.decomposition())));
        try (TensorMap saved = Safetensors.read(file)) {
            SortedMap<String, Tensor> state = new TreeMap<>();
            saved.names().forEach(name -> state.put(name, saved.get(name)));
            Scopes.run(() -> training.trainer().restore(training.parameters().views(), state));
        }
    }

    /// Trains in a run directory.
    ///
    /// @param begun the step of the newest checkpoint; UNSAVED when there is none
    private static boolean train(
            Order order,
            RunDirectory run,
            Provenance provenance,
            DecompositionState training,
            long begun,
            Listener listener)
            throws IOException {
        try (Stop stop = new Stop(() -> {})) {
            try (Records records = Records.in(run, training.trainer().nextStep())) {
                loop(order, records, training, begun, listener, stop);
            }
            provenance.ended(Instant.now()).write(run);
            return end(order, training, listener);
        }
    }

    /// Trains as a rank that writes nothing.
    private static boolean train(
            Order order,
            Records records,
            DecompositionState training,
            long begun,
            Listener listener)
            throws IOException {
        try (Stop stop = new Stop(() -> {})) {
            loop(order, records, training, begun, listener, stop);
            return end(order, training, listener);
        }
    }

    private static boolean end(Order order, DecompositionState training, Listener listener) {
        order.exchange().barrier(); // no rank ends before all is written
        long nextStep = training.trainer().nextStep();
        boolean finished = nextStep == order.file().steps();
        if (!finished) {
            listener.stopped(nextStep, order.file().steps());
        }
        return finished;
    }

    private static void loop(
            Order order,
            Records records,
            DecompositionState training,
            long begun,
            Listener listener,
            Stop stop)
            throws IOException {
        RunFile file = order.file();
        Exchange exchange = order.exchange();
        long next = training.trainer().nextStep();
        long saved = begun;
        training.requireAlike();
        listener.begin(next, file.steps());
        long start = System.nanoTime();
        boolean goesOn = listener.goesOn();
        while (next < file.steps() && !exchange.any(stop.asked() || !goesOn)) {
            boolean logged = next % file.cadence().log() == 0 || next + 1 == file.steps();
            Trainer.Report report = training.trainer().step(logged);
            next = training.trainer().nextStep();
            boolean last = next == file.steps();
            if (logged) {
                records.step(report, System.nanoTime() - start);
            }
            listener.step(report);
            goesOn = listener.goesOn();
            compact(training, records);
            handOver(training, records);
            if (next % file.cadence().checkpoint() == 0 || last) {
                save(records, training);
                saved = next;
            }
        }
        if (saved != next) {
            save(records, training);
        }
    }

    private static void compact(DecompositionState training, Records records) throws IOException {
        Optional<CompactionReceipt> receipt = training.compact();
        if (receipt.isPresent()) {
            records.compaction(receipt.get());
            LOG.info(receipt.get().line());
            if (!receipt.get().unchanged()) {
                LOG.warn(
                        "outputs with masks g must change by at most {} in a merging, got {}\nhint: merged subcomponents have importances up to {} outside the last steps' examples; raise compaction.idle_steps",
                        receipt.get().tolerance(),
                        receipt.get().gMaskedDifference(),
                        receipt.get().largestImportance());
            }
        }
    }

    private static void handOver(DecompositionState training, Records records) throws IOException {
        List<TwinHandover> handovers = training.handOver();
        records.handovers(handovers);
        handovers.forEach(each -> LOG.info(each.line()));
    }

    private static void save(Records records, DecompositionState training) throws IOException {
        requireFinite(training.parameters(), training.trainer().nextStep());
        training.requireAlike();
        records.save(training);
    }

    /// A state that cannot go on never takes the place of one that can.
    private static void requireFinite(Parameters parameters, long step) {
        boolean finite = Tensors.allFinite(parameters.flat());
        if (!finite) {
            throw NonFiniteLoss.ofParameters(step);
        }
    }
}
