package cleave.cli;

import cleave.analysis.Concept;
import cleave.analysis.FactEffects;
import cleave.analysis.QuestionGroup;
import cleave.facts.Neighbours;
import cleave.target.Sentence;
import cleave.target.TextTask.LossesAt;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `cleave concept`: the subcomponents that an answer rests on, and what suppressing them does.
@Command(
        name = "concept",
        description = "Find the subcomponents an answer rests on, suppress them, and look around.")
final class ConceptCommand implements Callable<Integer> {
    @Parameters(paramLabel = "RUN", description = "Run directory, of a GPT-2.")
    private Path run;

    @Option(
            names = "--prompt",
            required = true,
            paramLabel = "TEXT",
            description = "The text before the answer.")
    private String prompt = "";

    @Option(
            names = "--answer",
            required = true,
            paramLabel = "TOKEN",
            description = "The answer, one token, with the space before it.")
    private String answer = "";

    @Option(
            names = "--within",
            paramLabel = "TEXT",
            description =
                    "Choose only subcomponents active at a token of this piece of the prompt.")
    private @Nullable String within;

    @Mixin private final ConceptOptions options = new ConceptOptions();
    @Mixin private final JsonOutput json = new JsonOutput();

    @Override
    public Integer call() {
        options.settings(List.of());
        try (Gpt2Run opened = Gpt2Run.open(run)) {
            Sentence sentence = opened.sentence(prompt, answer);
            List<Integer> positions =
                    within == null
                            ? List.of()
                            : FactEffects.positions(opened.tokenizer(), prompt, within);
            List<QuestionGroup> groups = new ArrayList<>();
            List<QuestionGroup> controlled = new ArrayList<>();
            Optional<Neighbours> fact = Neighbours.around(opened.facts(), prompt, answer);
            if (fact.isPresent()) {
                QuestionGroup text =
                        QuestionGroup.of(
                                "other text",
                                fact.get().knowledge(),
                                opened.tokenizer(),
                                LossesAt.ALL);
                groups.addAll(FactEffects.groups(fact.get(), opened.tokenizer()));
                groups.add(text);
                controlled.add(text);
            }
            Concept concept =
                    Concept.of(
                            opened.loaded().decomposition(),
                            sentence,
                            groups,
                            controlled,
                            opened.loaded().task(),
                            options.settings(positions));
            if (json.enabled()) {
                json.print(concept);
            } else {
                json.text().print(ConceptText.of(concept, opened));
            }
        }
        return 0;
    }
}
