package cleave.run;

import cleave.config.ConfigFile;
import cleave.config.Overrides;
import cleave.config.Parts;
import cleave.config.UserError;
import cleave.config.YamlTree;
import cleave.schedule.Schedule;
import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;

/// A run that goes on to a later last step than it began with.
///
/// Its schedules are shares of the whole run (spec T1), so they are stretched: the next step has
/// the values that a run of the new length has at that step. Keeping them at their end would leave
/// most runs with a learning rate of zero. The steps that are done keep what the shorter schedules
/// gave them, so that the result is not that of a run of the new length from its start.
///
/// @param before the run's configuration until now
/// @param to its steps from now on
record Lengthening(RunFile before, long to) {
    /// Keeps a number of steps that is more than the run's.
    ///
    /// @throws UserError when it is fewer
    Lengthening {
        if (to < before.steps()) {
            throw UserError.withHints(
                    "--steps of a resumed run must be at least its %d, got %d"
                            .formatted(before.steps(), to),
                    "a shorter run is a new one: --set steps=%d with another --run".formatted(to));
        }
    }

    /// Whether anything changes: the same command again does not.
    boolean isChange() {
        return to > before.steps();
    }

    /// What it does to the run's schedules, for people.
    ///
    /// @param next the first step that is not done
    String text(long next) {
        StringBuilder text =
                new StringBuilder(
                        "lengthened from %d to %d steps; schedules are stretched over the %d"
                                .formatted(before.steps(), to, to));
        SequencedMap<String, Schedule> schedules = Parts.of(before, Schedule.class);
        long last = Math.max(0, next - 1);
        schedules.forEach((path, schedule) -> {
            double was = schedule.at(last, before.steps());
            double is = schedule.at(next, to);
            double end = schedule.at(to - 1, to);
            if (was != is || is != end) {
                text.append(
                        String.format(
                                Locale.ROOT,
                                "%n  %s: %.3g at step %d, %.3g at step %d, %.3g at the end",
                                path,
                                was,
                                last,
                                is,
                                next,
                                end));
            }
        });
        return text.append(
                        "%nhint: the first %d steps keep what the shorter schedules gave them; this is not a run of %d steps from its start"
                                .formatted(next, to))
                .toString();
    }

    /// Writes the new number of steps into a run's configuration.
    void write(RunDirectory run) throws IOException {
        run.checkWritable();
        YamlTree.Node tree =
                YamlTree.parse(run.configFile().toString(), ConfigFile.text(run.configFile()));
        AtomicFile.write(
                run.configFile(), YamlTree.write(Overrides.apply(tree, List.of("steps=" + to))));
    }
}
