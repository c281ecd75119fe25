package cleave.verdict;

import cleave.analysis.AdversarialReconstruction;
import cleave.analysis.Census;
import cleave.analysis.Unlike;
import cleave.mask.WeightDelta;
import cleave.run.LoadedRun;
import cleave.run.MetricsLog;
import cleave.run.RunFile;
import java.util.Optional;
import java.util.Set;

/// What a verdict is passed on.
///
/// @param step of the checkpoint
/// @param steps of the whole run
/// @param convergence of the logged losses
/// @param faithful whether the subcomponents were to add up to the weights; not where the weight
///   delta stays and faithfulness has no coefficient
/// @param census at threshold 0.5
/// @param adversarial empty where it was not measured
/// @param groundTruth empty where none is known
/// @param unlike empty where it was not measured, or the task has no other kind of sequences
/// @param trained the checks whose masks a loss of the recipe uses
public record Evidence(
        long step,
        long steps,
        Convergence convergence,
        boolean faithful,
        Census census,
        Optional<AdversarialReconstruction> adversarial,
        Optional<GroundTruth> groundTruth,
        Optional<Unlike> unlike,
        Set<Check> trained) {

    /// Keeps an unmodifiable copy.
    public Evidence {
        trained = Set.copyOf(trained);
    }

    private static final int SLICE_ROWS = 64;

    /// The evidence of a run, the costly parts given. Measures unlike sequences, which takes
    /// seconds.
    public static Evidence of(
            LoadedRun run,
            Census census,
            Optional<AdversarialReconstruction> adversarial,
            Optional<GroundTruth> groundTruth) {
        long step = run.checkpoint().step();
        return new Evidence(
                step,
                run.file().steps(),
                Convergence.of(MetricsLog.read(run.directory()), step),
                isFaithful(run.file()),
                census,
                adversarial,
                groundTruth,
                unlike(run, census),
                Basis.trained(run.file()));
    }

    private static Optional<Unlike> unlike(LoadedRun run, Census census) {
        return Optional.of(
                        Unlike.of(
                                run.decomposition(),
                                run.task(),
                                census.used(Census.FLOOR),
                                census.sample().sequences(),
                                SLICE_ROWS))
                .filter(unlike -> !unlike.kinds().isEmpty());
    }

    private static boolean isFaithful(RunFile file) {
        return file.faithfulness().coefficient().at(file.steps() - 1, file.steps()) > 0
                || file.streams().stream()
                        .anyMatch(stream -> stream.weightDelta() == WeightDelta.NONE);
    }
}
