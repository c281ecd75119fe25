package cleave.run;

import cleave.config.Binder;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.run.Checkpoints.Checkpoint;
import cleave.target.Task;
import cleave.tensor.Safetensors;
import cleave.tensor.TensorMap;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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
    /// @throws IllegalArgumentException when it is not a run, has no checkpoint yet, or its parts
    ///   do not fit together
    public static LoadedRun open(Path path) {
        RunDirectory directory = RunDirectory.open(path);
        RunFile file = file(directory);
        Checkpoint checkpoint = latest(directory, LoggerFactory.getLogger(LoadedRun.class)::warn);
        Model model = Model.load(DecompositionRun.modelOf(path, file), DecompositionRun.type(file));
        try {
            List<DecomposedSite> sites = file.sitesOf(model.target());
            TensorMap tensors = Safetensors.read(checkpoint.decomposition());
            Decomposition decomposition =
                    new Decomposition(
                            model.target(),
                            sites,
                            file.importance(),
                            file.leak(),
                            DecompositionRun.tensors(tensors));
            return new LoadedRun(directory, file, model, tensors, decomposition, checkpoint);
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
                        new IllegalArgumentException(
                                "run must have a checkpoint, got none yet (%s)\nhint: the first one is written after cadence.checkpoint steps"
                                        .formatted(directory.path())));
    }

    private static RunFile file(RunDirectory directory) {
        Path config = directory.configFile();
        try {
            return Binder.read(
                    config.toString(), Files.readString(config), List.of(), RunFile.class);
        } catch (IOException failure) {
            throw new IllegalArgumentException(
                    "%s must be readable, got %s".formatted(config, failure), failure);
        }
    }

    /// The run directory.
    public RunDirectory directory() {
        return directory;
    }

    /// The configuration as resolved.
    public RunFile file() {
        return file;
    }

    /// The target model.
    public Model model() {
        return model;
    }

    /// The decomposition at the checkpoint.
    public Decomposition decomposition() {
        return decomposition;
    }

    /// The checkpoint that was read.
    public Checkpoint checkpoint() {
        return checkpoint;
    }

    /// The evaluation stream: the task of the first stream at its length, keyed apart from
    /// training.
    public Task task() {
        return model.spec().task("evaluation", file.streams().getFirst().length());
    }

    @Override
    public void close() {
        tensors.close();
        model.close();
    }
}
