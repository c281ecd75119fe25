package cleave.command;

import cleave.analysis.Census;
import cleave.config.UserError;
import cleave.run.LoadedRun;

/// The census of a run, as every command takes it.
public final class RunCensus {
    /// Sequences per slice.
    private static final int SLICE_ROWS = 64;

    private RunCensus() {}

    /// Takes the census of a run under the weight delta of its first stream.
    ///
    /// @param threshold importance above which a subcomponent is active
    /// @param sequences of the evaluation stream, from its beginning
    public static Census of(LoadedRun run, double threshold, int sequences) {
        requireSequences(sequences);
        return Census.of(
                run.decomposition(),
                run.task(),
                new Census.Options(
                        threshold,
                        sequences,
                        SLICE_ROWS,
                        run.file().streams().getFirst().weightDelta()));
    }

    /// Refuses a census of no sequence.
    public static void requireSequences(int sequences) {
        if (sequences < 1) {
            throw new UserError("--sequences must be >= 1, got " + sequences);
        }
    }
}
