package cleave.sweep;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// The runs of a finished or unfinished sweep.
public final class SweepRuns {
    private SweepRuns() {}

    /// What a sweep keeps of the runs that ended; empty where a folder is none.
    ///
    /// @throws cleave.config.UserError when its files are not as a sweep writes them
    public static Optional<List<Row>> in(Path folder) {
        try {
            return SweepDirectory.rows(folder);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }
}
