package cleave.study.facts;

import cleave.analysis.Census;
import cleave.analysis.Change;
import cleave.analysis.QuestionGroup;
import cleave.analysis.TextRun;
import cleave.model.TextTask.LossesAt;
import cleave.report.Addition;
import cleave.report.ChartValues;
import cleave.report.Report;
import cleave.report.ReportData;
import cleave.run.LoadedRun;
import cleave.study.ConceptQuestions;
import cleave.study.Study;
import cleave.study.SweepOption;
import java.util.List;
import java.util.Optional;

/// The study of well-known facts, which the facts model is trained on and other GPT-2s know.
public final class FactsStudy implements Study {
    @Override
    public List<Subcommand> commands() {
        return List.of(new Subcommand("facts", "concept", FactsCommand::new));
    }

    @Override
    public List<String> files() {
        return List.of(FactsFile.NAME);
    }

    @Override
    public Optional<Addition> addition(LoadedRun run, Census census) {
        return FactsFile.read(run.directory()).map(Page::new);
    }

    @Override
    public Optional<SweepOption> sweepOption() {
        return Optional.of(new FactsSweepOption());
    }

    @Override
    public Optional<ConceptQuestions> conceptQuestions() {
        return Optional.of(new Questions());
    }

    /// The section about what `cleave facts` found.
    public record Page(FactsFile.Asked asked) implements Addition {
        @Override
        public List<Report.Part> parts(ReportData data, ChartValues figures) {
            return List.of(
                    new Report.Part("Facts", FactsSection.html(asked, data.origin(), figures)));
        }
    }

    private static final class Questions implements ConceptQuestions {
        @Override
        public List<String> names() {
            return List.of("paraphrases", "same sport", "other sports", "reverse");
        }

        @Override
        public String otherTextIs() {
            return "the facts' sentences about other things";
        }

        @Override
        public Optional<String> problem(TextRun run, Change.At at) {
            return AskableFacts.of(run).isEmpty()
                    ? Optional.empty()
                    : AskableFacts.problem(run, at)
                            .map(problem ->
                                    "the sentences about athletes (docs/facts.md) are not asked too: "
                                            + problem);
        }

        @Override
        public List<QuestionGroup> beside(TextRun run, String prompt, String answer, Change.At at) {
            return Neighbours.around(askable(run, at), prompt, answer)
                    .map(fact -> FactEffects.groups(fact, run.tokenizer()))
                    .orElse(List.of());
        }

        @Override
        public Optional<QuestionGroup> otherText(TextRun run, String name, Change.At at) {
            List<Statement> knowledge = Neighbours.knowledge(askable(run, at));
            return knowledge.isEmpty()
                    ? Optional.empty()
                    : Optional.of(
                            FactEffects.group(name, knowledge, run.tokenizer(), LossesAt.ALL));
        }

        private static List<Statement> askable(TextRun run, Change.At at) {
            return AskableFacts.problem(run, at).isPresent() ? List.of() : AskableFacts.of(run);
        }
    }
}
