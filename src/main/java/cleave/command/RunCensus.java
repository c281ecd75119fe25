package cleave.command;

import cleave.analysis.Census;
import cleave.config.UserError;
import cleave.model.Task;
import cleave.run.LoadedRun;
import org.jspecify.annotations.Nullable;

/// The census of a run, as every command takes it.
public final class RunCensus {
    private static final int SEQUENCES = 2048;

    /// Of a few sequences each is taken so often at most: only masks that are drawn differ.
    private static final int EACH = 64;

    private RunCensus() {}

    /// How many sequences of the evaluation stream are taken: what was given, or the usual number.
    ///
    /// @param given null where nothing was
    public static int sequences(@Nullable Integer given, Task task) {
        if (given != null) {
            return given;
        }
        long different = task.different();
        return different < SEQUENCES / EACH ? (int) different * EACH : SEQUENCES;
    }

    /// Takes the census of a run under the weight delta of its first stream.
    ///
    /// @param threshold importance above which a subcomponent is active
    /// @param sequences of the evaluation stream, from its beginning
    public static Census of(LoadedRun run, double threshold, int sequences) {
        requireSequences(sequences);
        return Census.of(run, threshold, sequences);
    }

    /// Refuses a census of no sequence.
    public static void requireSequences(int sequences) {
        if (sequences < 1) {
            throw new UserError("--sequences must be >= 1, got " + sequences);
        }
    }
}
