package cleave.explore;

import cleave.config.UserError;
import cleave.harvest.Comparison;
import cleave.harvest.TextChoice;
import cleave.run.LoadedRun;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// Which subcomponents of one run are which of another: what `cleave compare` finds when it is
/// asked for nothing but the two.
final class Match {
    private Match() {}

    /// Compares two runs.
    ///
    /// @throws UserError when they are of two targets or share no site
    static Comparison of(Models models, Path run, Path other, Jobs.Watch watch) {
        List<String> problems = Comparison.problems(List.of(run, other));
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
        LoadedRun first = models.run(run, watch).loaded();
        watch.step(0.05, "loading the other model");
        try (LoadedRun second = LoadedRun.openAt(other)) {
            return Comparison.of(
                    first,
                    run.toString(),
                    second,
                    other.toString(),
                    new TextChoice(List.of(), TextChoice.TOKENS, Optional.empty()),
                    Comparison.THRESHOLD,
                    done ->
                            watch.step(
                                    Math.min(1, 0.1 + 0.9 * done / TextChoice.TOKENS),
                                    "comparing over %d tokens".formatted(TextChoice.TOKENS)));
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }
}
