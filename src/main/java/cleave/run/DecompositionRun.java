package cleave.run;

import cleave.config.Binder;
import cleave.config.Diff;
import cleave.config.YamlTree;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Parameters;
import cleave.run.Checkpoints.Checkpoint;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.training.Trainer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Runs a decomposition in a run directory: fresh, from another run, or resumed.
///
/// The state after any step can be saved; a run that is killed and resumed ends in the same bytes
/// as one that is not (docs/spec.md, R5).
public final class DecompositionRun {
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
    public record Order(
            RunFile file,
            Path directory,
            Optional<Path> from,
            boolean resume,
            Provenance.Program program,
            List<String> commandLine) {}

    /// Hears of progress and may ask for an early end.
    public interface Listener {
        /// Before the first step of this session.
        void begin(long firstStep, long steps);

        /// After a step.
        void step(Trainer.Report report);
    }

    /// Runs to the end, or until the process is told to stop; either way the last state is saved.
    ///
    /// @return whether the run reached its last step
    public static boolean run(Order order, Listener listener) throws IOException {
        Path source =
                order.resume() ? RunDirectory.open(order.directory()).path() : order.directory();
        Path model =
                order.resume() ? modelOf(source, order.file()) : Path.of(order.file().target());
        try (Model loaded = Model.load(model, type(order.file()))) {
            order.file().checkAgainst(loaded.spec());
            List<DecomposedSite> sites = order.file().sitesOf(loaded.target());
            String yaml = YamlTree.write(Binder.toTree(order.file()));
            if (order.resume()) {
                refuseChanges(order, RunDirectory.open(order.directory()));
            }
            // Everything that may be refused is refused before the directory is touched.
            try (Parameters parameters = initial(order, loaded, sites);
                    RunDirectory run =
                            order.resume()
                                    ? RunDirectory.resume(order.directory())
                                    : RunDirectory.create(order.directory(), yaml)) {
                Provenance provenance = provenance(order, run, loaded);
                if (!order.resume()) {
                    Model.copy(model, run.path().resolve("target"));
                }
                boolean ended = train(order, run, loaded, sites, parameters, listener);
                provenance.ended(Instant.now()).write(run);
                return ended;
            }
        }
    }

    /// The model a run was made on: its own copy, else the configured folder.
    static Path modelOf(Path run, RunFile file) {
        Path copy = run.resolve("target");
        return Files.isRegularFile(copy.resolve(Model.WEIGHTS)) ? copy : Path.of(file.target());
    }

    static ScalarType type(RunFile file) {
        return switch (file.machine().precision()) {
            case FLOAT32 -> ScalarType.Float;
            case FLOAT64 -> ScalarType.Double;
        };
    }

    private static void refuseChanges(Order order, RunDirectory run) throws IOException {
        YamlTree.Node before =
                YamlTree.parse(run.configFile().toString(), Files.readString(run.configFile()));
        List<Diff.Change> changes = Diff.changedKeys(before, Binder.toTree(order.file()));
        if (!changes.isEmpty()) {
            throw new IllegalArgumentException(
                    "a resumed run must keep its configuration, got changed keys (%s)\n%s\nhint: start a new run, with --from %s to begin from this one"
                            .formatted(
                                    run.configFile(),
                                    changes.stream()
                                            .map(change -> "  " + change)
                                            .collect(Collectors.joining("\n")),
                                    run.path()));
        }
    }

    private static Provenance provenance(Order order, RunDirectory run, Model model)
            throws IOException {
        Provenance.Session session =
                new Provenance.Session(
                        order.program(),
                        order.commandLine(),
                        Provenance.Machine.here(order.file().machine().workers()),
                        Instant.now(),
                        null);
        Provenance provenance =
                Files.exists(run.provenanceFile())
                        ? Provenance.read(run).resumed(session)
                        : Provenance.start(
                                Provenance.Subject.of(order.file().seed(), model.weights()),
                                session);
        provenance.write(run);
        return provenance;
    }

    private static boolean train(
            Order order,
            RunDirectory run,
            Model model,
            List<DecomposedSite> sites,
            Parameters parameters,
            Listener listener)
            throws IOException {
        RunFile file = order.file();
        Optional<Checkpoint> checkpoint =
                order.resume() ? run.checkpoints().latest(LOG::warn) : Optional.empty();
        Decomposition decomposition =
                new Decomposition(
                        model.target(), sites, file.importance(), file.leak(), parameters.views());
        try (Trainer trainer =
                new Trainer(
                        file.method(model.spec()),
                        decomposition,
                        parameters,
                        file.machine().workers(),
                        file.machine().slice())) {
            if (checkpoint.isPresent()) {
                restore(trainer, checkpoint.get());
                LOG.info("resuming at step {} of {}", trainer.nextStep(), file.steps());
            } else if (order.from().isEmpty()) {
                file.warmup().ifPresent(trainer::warmUp);
            }
            return loop(file, run, parameters, trainer, listener);
        }
    }

    private static Parameters initial(Order order, Model model, List<DecomposedSite> sites) {
        RunFile file = order.file();
        if (order.from().isPresent() && !order.resume()) {
            return inherited(order.from().get(), order, model, sites);
        }
        return Scopes.run(() ->
                new Parameters(
                        Decomposition.initial(
                                model.target(),
                                sites,
                                file.importance(),
                                file.start(),
                                file.seed()),
                        type(file)));
    }

    private static Parameters inherited(
            Path from, Order order, Model model, List<DecomposedSite> sites) {
        RunFile file = order.file();
        Checkpoint last = LoadedRun.latest(RunDirectory.open(from), LOG::warn);
        try (TensorMap saved = Safetensors.read(last.decomposition())) {
            return Scopes.run(() -> {
                SortedMap<String, Tensor> fresh =
                        Decomposition.initial(
                                model.target(),
                                sites,
                                file.importance(),
                                file.start(),
                                file.seed());
                requireSameShapes(fresh, saved);
                Parameters parameters = new Parameters(fresh, type(file));
                parameters.set(tensors(saved));
                return parameters;
            });
        }
    }

    private static void requireSameShapes(SortedMap<String, Tensor> fresh, TensorMap saved) {
        Map<String, String> expected = shapes(fresh);
        Map<String, String> found = shapes(tensors(saved));
        if (!expected.equals(found)) {
            List<String> differences =
                    expected.entrySet().stream()
                            .filter(entry -> !entry.getValue().equals(found.get(entry.getKey())))
                            .map(entry ->
                                    "  %s: %s here, %s there"
                                            .formatted(
                                                    entry.getKey(),
                                                    entry.getValue(),
                                                    found.getOrDefault(entry.getKey(), "absent")))
                            .toList();
            throw new IllegalArgumentException(
                    "a run started --from another must have the same sites, subcomponents and importance function, got differences (%s)\n%s"
                            .formatted(saved.source(), String.join("\n", differences)));
        }
    }

    private static Map<String, String> shapes(SortedMap<String, Tensor> tensors) {
        Map<String, String> shapes = new TreeMap<>();
        tensors.forEach((name, tensor) -> shapes.put(name, Tensors.shape(tensor)));
        return shapes;
    }

    static SortedMap<String, Tensor> tensors(TensorMap map) {
        SortedMap<String, Tensor> tensors = new TreeMap<>();
        map.names().forEach(name -> tensors.put(name, map.get(name)));
        return tensors;
    }

    private static void restore(Trainer trainer, Checkpoint checkpoint) {
        try (TensorMap decomposition = Safetensors.read(checkpoint.decomposition());
                TensorMap training = Safetensors.read(checkpoint.training())) {
            Scopes.run(() -> trainer.restore(tensors(decomposition), tensors(training)));
        }
    }

    private static boolean loop(
            RunFile file,
            RunDirectory run,
            Parameters parameters,
            Trainer trainer,
            Listener listener)
            throws IOException {
        long saved = trainer.nextStep();
        Stop stop = new Stop();
        try (MetricsLog metrics = MetricsLog.cutBackTo(run, trainer.nextStep() - 1)) {
            listener.begin(trainer.nextStep(), file.steps());
            long start = System.nanoTime();
            while (trainer.nextStep() < file.steps() && !stop.asked()) {
                Trainer.Report report = trainer.step();
                boolean last = trainer.nextStep() == file.steps();
                if (report.step() % file.cadence().log() == 0 || last) {
                    metrics.append(report.step(), metrics(report, System.nanoTime() - start));
                }
                listener.step(report);
                if (trainer.nextStep() % file.cadence().checkpoint() == 0 || last || stop.asked()) {
                    save(run, parameters, trainer);
                    saved = trainer.nextStep();
                }
            }
            if (saved != trainer.nextStep()) {
                save(run, parameters, trainer);
            }
        } finally {
            stop.close();
        }
        return trainer.nextStep() == file.steps();
    }

    private static void save(RunDirectory run, Parameters parameters, Trainer trainer) {
        Scopes.run(() -> {
            try {
                run.checkpoints().save(trainer.nextStep(), parameters.views(), trainer.state());
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
    }

    private static Map<String, Double> metrics(Trainer.Report report, long nanoseconds) {
        Map<String, Double> metrics = new LinkedHashMap<>();
        metrics.put("total", report.outcome().total());
        metrics.putAll(report.outcome().terms());
        metrics.put("active_per_sequence", report.outcome().activePerSequence());
        metrics.put("learning_rate", report.learningRate());
        metrics.put("gradient_norm_subcomponents", report.subcomponentNorm());
        metrics.put("gradient_norm_gates", report.gateNorm());
        metrics.put("session_seconds", nanoseconds / 1e9);
        return metrics;
    }

    /// Lets a process that is told to end (SIGTERM, SIGINT) finish its step and save first.
    private static final class Stop implements AutoCloseable {
        private final AtomicBoolean asked = new AtomicBoolean();
        private final CountDownLatch done = new CountDownLatch(1);
        private final Thread hook =
                new Thread(
                        () -> {
                            asked.set(true);
                            try {
                                done.await();
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt();
                            }
                        },
                        "cleave-save-on-exit");

        Stop() {
            Runtime.getRuntime().addShutdownHook(hook);
        }

        boolean asked() {
            return asked.get();
        }

        @Override
        public void close() {
            done.countDown();
            if (!asked.get()) {
                Runtime.getRuntime().removeShutdownHook(hook);
            }
        }
    }
}
