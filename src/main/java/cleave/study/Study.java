package cleave.study;

import cleave.analysis.Census;
import cleave.report.Addition;
import cleave.run.LoadedRun;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/// A case study, as the rest of Cleave sees it: every method says one thing that it may add. A
/// study adds what it has and leaves the rest out.
///
/// A study is installed by a line of `META-INF/services/cleave.study.Study` that names its class.
public interface Study {

    /// A command of a study.
    ///
    /// @param name as it is typed
    /// @param after the command that stands before it in help; empty for the first place
    /// @param make makes the annotated object that picocli runs
    record Subcommand(String name, String after, Supplier<Object> make) {}

    /// The study's commands.
    default List<Subcommand> commands() {
        return List.of();
    }

    /// The names of the files that the study keeps in a run directory. An export of the run has
    /// them too.
    default List<String> files() {
        return List.of();
    }

    /// A whole page about a run in place of the usual one.
    ///
    /// @return its HTML; empty where the run has the usual page
    default Optional<String> page(LoadedRun run) {
        return Optional.empty();
    }

    /// What the study adds to the usual page of a run; empty where the study does not fit it.
    default Optional<Addition> addition(LoadedRun run, Census census) {
        return Optional.empty();
    }

    /// An option of `cleave sweep` that measures more of each run.
    default Optional<SweepOption> sweepOption() {
        return Optional.empty();
    }

    /// What `cleave concept` asks beside the user's prompt.
    default Optional<ConceptQuestions> conceptQuestions() {
        return Optional.empty();
    }
}
