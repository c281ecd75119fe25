package cleave.run;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.run.RunFile.Precision;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// The room that a run's checkpoints need and have: two are kept, and the next one is written
/// before an old one goes. All in bytes.
///
/// @param checkpoint one
/// @param needed three
/// @param free on the disk
/// @param folder whose disk it is, the nearest above the run that exists
public record CheckpointRoom(double checkpoint, double needed, double free, Path folder) {
    private static final double MEBIBYTE = 1 << 20;

    /// The room of a run that has not begun.
    ///
    /// @param sites with all subcomponents of the configuration
    /// @param run where the run directory would be
    public static CheckpointRoom of(RunFile file, List<DecomposedSite> sites, Path run) {
        Path folder = run.toAbsolutePath().normalize();
        while (!Files.exists(folder) && folder.getParent() != null) {
            folder = folder.getParent();
        }
        double checkpoint = checkpoint(file, sites);
        try {
            double free = Files.getFileStore(folder).getUsableSpace();
            return new CheckpointRoom(checkpoint, 3 * checkpoint, free, folder);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /// How many numbers a decomposition's parameters are.
    public static long parameters(RunFile file, List<DecomposedSite> sites) {
        return Decomposition.shapes(sites, file.importance()).values().stream()
                .mapToLong(shape -> shape.stream().reduce(1L, Math::multiplyExact))
                .sum();
    }

    /// Values and two moments of every parameter, a count for every subcomponent, and headers.
    private static double checkpoint(RunFile file, List<DecomposedSite> sites) {
        int bytes = file.machine().precision() == Precision.FLOAT64 ? Double.BYTES : Float.BYTES;
        double counts = sites.stream().mapToDouble(DecomposedSite::count).sum();
        double headers = 1024 + 1024.0 * sites.size();
        return 3.0 * parameters(file, sites) * bytes + Long.BYTES * counts + headers;
    }

    /// What is wrong when there is too little.
    public Optional<String> problem() {
        return free >= needed
                ? Optional.empty()
                : Optional.of(
                        String.format(
                                Locale.ROOT,
                                "free disk must be >= %.1f MiB for checkpoints, got %.1f MiB (%s)",
                                needed / MEBIBYTE,
                                free / MEBIBYTE,
                                folder));
    }
}
