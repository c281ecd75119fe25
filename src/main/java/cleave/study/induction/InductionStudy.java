package cleave.study.induction;

import cleave.analysis.Census;
import cleave.model.InductionTask;
import cleave.report.Addition;
import cleave.run.LoadedRun;
import cleave.study.Study;
import java.util.List;
import java.util.Optional;

/// The study of the induction transformer.
public final class InductionStudy implements Study {
    @Override
    public List<Subcommand> commands() {
        return List.of(
                new Subcommand("demo", "", DemoCommand::new),
                new Subcommand("circuit", "census", CircuitCommand::new));
    }

    @Override
    public Optional<Addition> addition(LoadedRun run, Census census) {
        return run.task() instanceof InductionTask
                ? Optional.of(InductionPage.of(run, census))
                : Optional.empty();
    }
}
