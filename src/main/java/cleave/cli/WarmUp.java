package cleave.cli;

import cleave.config.UserError;
import picocli.CommandLine.Option;

/// The option `--warm-up` of benchmarks; used as a `@Mixin`.
final class WarmUp {
    @Option(
            names = "--warm-up",
            paramLabel = "SECONDS",
            defaultValue = "30",
            description =
                    "Least time of steps before the first timed one, for the JVM to compile them."
                            + " Default: 30.")
    private double seconds;

    /// The time in seconds.
    ///
    /// @throws UserError when it is below 0 or no number
    double seconds() {
        if (!(seconds >= 0)) {
            throw new UserError("--warm-up must be >= 0, got " + seconds);
        }
        return seconds;
    }
}
