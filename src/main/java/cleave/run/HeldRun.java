package cleave.run;

import cleave.training.Trainer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/// A run of a decomposition that [Decompositions] describes, in its directory.
///
/// It is trained in one go or in several, by this process or by a later one that describes the
/// same, and ends in the same bytes either way. What it has reached is opened for reading like any
/// run.
public final class HeldRun {
    private final RunFile file;
    private final HeldTarget target;
    private final Path directory;
    private final AtomicBoolean stopping = new AtomicBoolean();

    HeldRun(RunFile file, HeldTarget target, Path directory) {
        this.file = file;
        this.target = target;
        this.directory = directory;
    }

    /// Trains to the last step, from the beginning or from the last checkpoint, and saves the
    /// state.
    ///
    /// @return whether the last step was reached; false when it was stopped before
    /// @throws cleave.config.UserError when the description does not fit the model, or is not that
    ///   of the run in the directory
    public boolean train() throws IOException {
        return train(_ -> {});
    }

    /// Trains as the method above does.
    ///
    /// @param afterStep hears of every step; it may call [#stop]
    public boolean train(Consumer<Trainer.Report> afterStep) throws IOException {
        DecompositionRun.Order order =
                new DecompositionRun.Order(
                        file,
                        directory,
                        Optional.empty(),
                        RunDirectory.isBegun(directory),
                        Provenance.Program.running(),
                        List.of(System.getProperty("sun.java.command", "java").split(" ")));
        try {
            return DecompositionRun.run(order, target, new Following(afterStep));
        } finally {
            stopping.set(false);
        }
    }

    /// Ends training after the step that is under way, or before the first; the state is saved, and
    /// `train` goes on from there. Any thread may call it.
    public void stop() {
        stopping.set(true);
    }

    /// Opens the last checkpoint for reading: for the census, the report and the decomposition
    /// itself. The reader closes it.
    ///
    /// @throws cleave.config.UserError when there is none, or the model is another one
    public LoadedRun open() {
        return LoadedRun.open(RunDirectory.open(directory), file, target);
    }

    /// The run directory.
    public Path directory() {
        return directory;
    }

    /// The configuration, as it is written in the run directory.
    public RunFile file() {
        return file;
    }

    private final class Following implements DecompositionRun.Listener {
        private final Consumer<Trainer.Report> afterStep;

        Following(Consumer<Trainer.Report> afterStep) {
            this.afterStep = afterStep;
        }

        @Override
        public void begin(long firstStep, long steps) {}

        @Override
        public void step(Trainer.Report report) {
            afterStep.accept(report);
        }

        @Override
        public boolean goesOn() {
            return !stopping.get();
        }
    }
}
