package cleave.run;

import cleave.config.ConfigFile;
import cleave.config.InvalidConfig;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.hub.Hub;
import cleave.hub.Model;
import cleave.hub.Sha256;
import cleave.hub.WeightFiles;
import cleave.model.Task;
import cleave.run.Checkpoints.Checkpoint;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.slf4j.LoggerFactory;

/// A run opened for reading: its configuration and its last decomposition, in memory.
public final class LoadedRun implements AutoCloseable {
    private final RunDirectory directory;
    private final RunFile file;
    private final Model model;
    private final TensorMap tensors;
    private final Decomposition decomposition;
    private final Checkpoint checkpoint;

    private LoadedRun(
            RunDirectory directory,
            RunFile file,
            Model model,
            TensorMap tensors,
            Decomposition decomposition,
            Checkpoint checkpoint) {
        this.directory = directory;
        this.file = file;
        this.model = model;
        this.tensors = tensors;
        this.decomposition = decomposition;
        this.checkpoint = checkpoint;
    }

    /// Opens a run at its last undamaged checkpoint.
    ///
    /// @throws UserError when it is not a run, has no checkpoint, or its parts do not fit together
    public static LoadedRun open(Path path) {
        RunDirectory directory = RunDirectory.open(path);
        RunFile file = file(directory);
        return open(directory, file, TargetSource.folder(file));
    }

    /// Opens a run at its last undamaged checkpoint, or at another of its checkpoints.
    ///
    /// @param path of a run, or a folder `RUN/checkpoints/STEP`
    /// @throws UserError when it is not a run, has no such checkpoint, or its parts do not fit
    ///   together
    public static LoadedRun openAt(Path path) {
        Path run = runOf(path);
        if (run.equals(path)) {
            return open(path);
        }
        RunDirectory directory = RunDirectory.open(run);
        RunFile file = file(directory);
        return open(
                directory,
                file,
                TargetSource.folder(file),
                directory.checkpoints().at(Long.parseLong(path.getFileName().toString())));
    }

    /// The run's folder where a path is that of one of its checkpoints; else the path.
    private static Path runOf(Path path) {
        Path folder = path.getParent();
        Path run = folder == null ? null : folder.getParent();
        return folder != null
                        && run != null
                        && folder.endsWith("checkpoints")
                        && path.getFileName().toString().matches("0|[1-9][0-9]{0,17}")
                ? run
                : path;
    }

    /// The SHA-256 of the weights that a run was made on.
    ///
    /// @param path of a run, or of one of its checkpoints
    /// @throws UserError when it is not a run
    public static String targetOf(Path path) {
        return Provenance.read(RunDirectory.open(runOf(path))).subject().targetSha256();
    }

    /// Opens a run at its last undamaged checkpoint.
    ///
    /// @param file its configuration
    static LoadedRun open(RunDirectory directory, RunFile file, TargetSource target) {
        return open(
                directory,
                file,
                target,
                latest(directory, LoggerFactory.getLogger(LoadedRun.class)::warn));
    }

    private static LoadedRun open(
            RunDirectory directory, RunFile file, TargetSource target, Checkpoint checkpoint) {
        Model model = target.reopen(directory, file, Provenance.read(directory));
        try {
            List<DecomposedSite> sites = file.sitesOf(model.target());
            TensorMap tensors =
                    DecompositionFile.read(checkpoint.decomposition(), sites, file.importance());
            Decomposition decomposition =
                    new Decomposition(
                            model.target(),
                            sites,
                            file.importance(),
                            file.leak(),
                            DecompositionFile.parameters(tensors, sites),
                            DecompositionFile.remainders(tensors, sites));
            return new LoadedRun(directory, file, model, tensors, decomposition, checkpoint);
        } catch (RuntimeException refused) {
            model.close();
            throw refused;
        }
    }

    /// The model a run was made on: its own copy, else the configured folder, which in an exported
    /// run is within the run's.
    ///
    /// @throws UserError also when the weights are not those of the run's provenance
    static Model model(RunDirectory directory, RunFile file, Provenance provenance) {
        Path copy = directory.targetFolder();
        if (Files.exists(WeightFiles.in(copy)) && !Model.isModel(copy)) {
            throw new UserError(
                    "target of a run that a program made must be given by that program, got its weights alone (%s)\nhint: open the run with cleave.run.Decompositions"
                            .formatted(copy));
        }
        Path configured = Path.of(file.target());
        Path folder =
                Model.isModel(copy)
                        ? copy
                        : Hub.isName(configured)
                                ? configured
                                : directory.path().resolve(configured);
        file.machine().start();
        Model model = DecompositionRun.load(file, folder);
        try {
            provenance.subject().requireTarget(model.weights());
            return model;
        } catch (IOException failure) {
            model.close();
            throw new UserError(
                    "target weights must be readable, got %s (%s)"
                            .formatted(UserError.reason(failure), model.weights()),
                    failure);
        } catch (RuntimeException refused) {
            model.close();
            throw refused;
        }
    }

    /// The newest undamaged checkpoint.
    static Checkpoint latest(RunDirectory directory, Consumer<String> say) {
        return directory
                .checkpoints()
                .latest(say)
                .orElseThrow(() ->
                        new UserError(
                                "run must have a checkpoint, got none (%s)"
                                        .formatted(directory.path())));
    }

    private static RunFile file(RunDirectory directory) {
        try {
            return ConfigFile.read(directory.configFile(), List.of(), RunFile.class)
                    .withDataIn(directory.dataFolder());
        } catch (InvalidConfig unknown) {
            throw ofAnotherVersion(directory, unknown);
        }
    }

    /// Why a run's own configuration is not understood, which its writer did: another version of
    /// the program wrote it, or somebody changed it.
    static UserError ofAnotherVersion(RunDirectory directory, InvalidConfig unknown) {
        return UserError.withHints(
                String.valueOf(unknown.getMessage()),
                "the run was written by %s, this is %s; read it with that version, or undo what was changed in %s"
                        .formatted(
                                Provenance.writer(directory),
                                Provenance.Program.running().named(),
                                directory.configFile()));
    }

    /// The run directory.
    public RunDirectory directory() {
        return directory;
    }

    /// The configuration as resolved.
    public RunFile file() {
        return file;
    }

    /// The name of the target's folder.
    public String targetName() {
        Path name = Path.of(file.target()).toAbsolutePath().normalize().getFileName();
        return name == null ? RunDirectory.TARGET : name.toString();
    }

    /// The target model.
    public Model model() {
        return model;
    }

    /// The decomposition at the checkpoint.
    public Decomposition decomposition() {
        return decomposition;
    }

    /// The decomposition's tensors without the parameters of merged subcomponents.
    SortedMap<String, Tensor> livingTensors() {
        return DecompositionFile.ofLiving(tensors, decomposition.sites(), decomposition.function());
    }

    /// The subcomponents that were not merged, and all that there were.
    public Kept kept() {
        return new Kept(
                DecompositionFile.living(tensors, decomposition.sites()).stream()
                        .mapToInt(DecomposedSite::count)
                        .sum(),
                decomposition.sites().stream().mapToInt(DecomposedSite::count).sum());
    }

    /// How many subcomponents a decomposition has left.
    public record Kept(int living, int original) {}

    /// The checkpoint that was read.
    public Checkpoint checkpoint() {
        return checkpoint;
    }

    /// The evaluation stream: the first stream's kind of examples at its length, keyed apart from
    /// training.
    public Task task() {
        return file.evaluation(model);
    }

    /// The SHA-256 of each file that decides what is read from the run, by its path within the run:
    /// configuration, provenance, target, metrics and the checkpoint that was read.
    public SortedMap<String, String> digests() throws IOException {
        Path root = directory.path();
        SortedMap<String, String> digests = new TreeMap<>();
        List<Path> files = new ArrayList<>(WeightFiles.of(model.weights()));
        files.addAll(
                List.of(
                        directory.configFile(),
                        directory.provenanceFile(),
                        directory.metricsFile(),
                        checkpoint.decomposition()));
        checkpoint.training().ifPresent(files::add);
        for (Path file : files) {
            if (file.startsWith(root) && Files.exists(file)) {
                String name = root.relativize(file).toString().replace(File.separatorChar, '/');
                digests.put(name, Sha256.of(file));
            }
        }
        return digests;
    }

    @Override
    public void close() {
        tensors.close();
        model.close();
    }
}
