package cleave.study.toys;

import cleave.run.LoadedRun;
import cleave.study.Study;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// The study of the toys whose solution is known.
public final class ToysStudy implements Study {
    @Override
    public List<Subcommand> commands() {
        return List.of(new Subcommand("toys", "report", ToysCommand::new));
    }

    @Override
    public Optional<String> page(LoadedRun run) {
        if (!ToySolution.isKnownFor(run.model().target())) {
            return Optional.empty();
        }
        ToySolution solution = ToySolution.of(run.model().target(), Map.of());
        return Optional.of(
                ToyReport.html(run, ToyFigures.of(run.decomposition(), run.task(), solution)));
    }
}
