package cleave.command;

import cleave.ranks.Exchange;
import cleave.run.DecompositionRun;
import cleave.run.RunFile;
import cleave.training.NonFiniteLoss;
import cleave.training.Trainer;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;

/// Runs a decomposition for a command: with a live line on standard error, and with the run's log.
public final class Decomposing {
    private Decomposing() {}

    /// How a decomposition ended.
    ///
    /// @param finished whether the last step was reached
    /// @param first the step that it began with: 0, or that of the checkpoint it went on from
    public record Outcome(boolean finished, long first) {}

    /// Runs to the last step, or until the process is told to stop.
    ///
    /// @param from a run whose subcomponents and gates this one starts from
    /// @param resume whether to go on from the last checkpoint
    /// @param command whose arguments provenance keeps, and whose error stream shows progress
    /// @return whether the last step was reached
    public static boolean run(
            RunFile file, Path run, Optional<Path> from, boolean resume, CommandSpec command)
            throws IOException {
        return follow(file, run, from, resume, false, Exchange.alone(), command).finished();
    }

    /// The same as one rank of several, of which rank 0 speaks and writes, and says where it began.
    ///
    /// @param lengthens whether a resumed run may get more steps
    /// @param exchange with the other ranks
    public static Outcome follow(
            RunFile file,
            Path run,
            Optional<Path> from,
            boolean resume,
            boolean lengthens,
            Exchange exchange,
            CommandSpec command)
            throws IOException {
        List<String> arguments = command.root().commandLine().getParseResult().originalArgs();
        try (Progress progress = new Progress(command, exchange.writes());
                Logging log = exchange.writes() ? Logging.toFile(run) : Logging.toNobody()) {
            try {
                boolean finished =
                        DecompositionRun.run(
                                new DecompositionRun.Order(
                                        file,
                                        run,
                                        from,
                                        resume,
                                        Version.program(),
                                        arguments,
                                        exchange,
                                        lengthens),
                                progress);
                return new Outcome(finished, progress.first);
            } catch (NonFiniteLoss diverged) {
                log.failed(String.valueOf(diverged.getMessage()));
                throw diverged;
            }
        }
    }

    private static final class Progress implements DecompositionRun.Listener, AutoCloseable {
        private final CommandSpec command;
        private final boolean speaks;
        private @Nullable LiveLine line;
        private long first;

        Progress(CommandSpec command, boolean speaks) {
            this.command = command;
            this.speaks = speaks;
        }

        @Override
        public void begin(long firstStep, long steps) {
            first = firstStep;
            if (!speaks) {
                return;
            }
            line = new LiveLine(command.commandLine().getErr(), "decompose", firstStep, steps);
        }

        @Override
        public void step(Trainer.Report report) {
            if (line != null) {
                line.show(report.step() + 1, LiveLine.text(report));
            }
        }

        @Override
        public void stopped(long nextStep, long steps) {
            if (!speaks) {
                return;
            }
            close();
            PrintWriter err = command.commandLine().getErr();
            err.println(
                    "stopped after %d of %d steps, and saved\nnext: the same command%s"
                            .formatted(
                                    nextStep,
                                    steps,
                                    command.findOption("--resume") == null
                                            ? "" // it goes on by itself
                                            : " with --resume"));
            err.flush();
        }

        @Override
        public void close() {
            if (line != null) {
                line.close();
                line = null;
            }
        }
    }
}
