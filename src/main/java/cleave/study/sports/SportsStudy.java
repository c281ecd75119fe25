package cleave.study.sports;

import cleave.analysis.Census;
import cleave.report.Addition;
import cleave.run.LoadedRun;
import cleave.study.Study;
import java.util.List;
import java.util.Optional;

/// The study of golf and basketball in a language model that somebody else trained.
public final class SportsStudy implements Study {
    /// What the command keeps in a run directory.
    static final String FILE = "subjects.json";

    @Override
    public List<Subcommand> commands() {
        return List.of(new Subcommand("sports", "concept", SportsCommand::new));
    }

    @Override
    public List<String> files() {
        return List.of(FILE);
    }

    @Override
    public Optional<Addition> addition(LoadedRun run, Census census) {
        return SportsPage.of(run.directory()).map(page -> page);
    }
}
