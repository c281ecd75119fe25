package cleave.verdict;

import cleave.analysis.AdversarialReconstruction;
import cleave.analysis.Census;
import cleave.mask.WeightDelta;
import cleave.run.LoadedRun;
import cleave.run.MetricsLog;
import cleave.run.RunFile;
import java.util.Optional;

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
public record Evidence(
        long step,
        long steps,
        Convergence convergence,
        boolean faithful,
        Census census,
        Optional<AdversarialReconstruction> adversarial,
        Optional<GroundTruth> groundTruth) {

    /// The evidence of a run, the costly parts given.
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
                groundTruth);
    }

    private static boolean isFaithful(RunFile file) {
        return file.faithfulness().coefficient().at(file.steps() - 1, file.steps()) > 0
                || file.streams().stream()
                        .anyMatch(stream -> stream.weightDelta() == WeightDelta.NONE);
    }
}
