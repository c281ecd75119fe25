package cleave.run;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.hub.WeightFiles;
import cleave.run.RunFile.Precision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// The room that a run needs and has on its disk, in bytes: two checkpoints are kept, the next one
/// is written before an old one goes, and the target lies beside them.
///
/// @param checkpoint one
/// @param target the weights' files
/// @param free on the disk; infinite where the system does not say
/// @param folder whose disk it is, the nearest above the run that exists
public record CheckpointRoom(double checkpoint, double target, double free, Path folder) {
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
        return new CheckpointRoom(checkpoint(file, sites), target(file), free(folder), folder);
    }

    /// The same for a target whose weights are not there yet.
    ///
    /// @param bytes of them
    public CheckpointRoom withTarget(double bytes) {
        return new CheckpointRoom(checkpoint, bytes, free, folder);
    }

    private static double target(RunFile file) {
        double sum = 0;
        for (Path weights : WeightFiles.of(WeightFiles.in(Path.of(file.target())))) {
            sum += weights.toFile().length();
        }
        return sum;
    }

    private static double free(Path folder) {
        try {
            return Files.getFileStore(folder).getUsableSpace();
        } catch (IOException unknown) {
            return Double.POSITIVE_INFINITY;
        }
    }

    /// Three checkpoints and the target.
    public double needed() {
        return 3 * checkpoint + target;
    }

    /// Values and two moments of every parameter, a count for every subcomponent, and headers.
    private static double checkpoint(RunFile file, List<DecomposedSite> sites) {
        int bytes = file.machine().precision() == Precision.FLOAT64 ? Double.BYTES : Float.BYTES;
        double counts = sites.stream().mapToDouble(DecomposedSite::count).sum();
        double headers = 1024 + 1024.0 * sites.size();
        return 3.0 * file.parameters(sites) * bytes + Long.BYTES * counts + headers;
    }

    /// What is wrong when there is too little.
    public Optional<String> problem() {
        return free >= needed()
                ? Optional.empty()
                : Optional.of(
                        String.format(
                                Locale.ROOT,
                                "free disk must be >= %.1f MiB for three checkpoints and the target, got %.1f MiB (%s)",
                                needed() / MEBIBYTE,
                                free / MEBIBYTE,
                                folder));
    }
}
