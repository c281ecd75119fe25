package cleave.study.sports;

import cleave.study.Study;
import java.util.List;

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
}
