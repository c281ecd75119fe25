package cleave.cli;

import cleave.analysis.Concept;
import cleave.analysis.FactEffects;
import cleave.analysis.QuestionGroup;
import cleave.facts.Neighbours;
import cleave.facts.Statement;
import cleave.target.Sentence;
import cleave.target.TextTask.LossesAt;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
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
    private static final String OTHER_TEXT = "other text";

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

    @Option(
            names = "--ask",
            paramLabel = "NAME=FILE",
            description =
                    "Also ask the questions of a file, as a group of this name: a JSON object with"
                            + " text and answer on each line. May be repeated.")
    private SequencedMap<String, Path> ask = new LinkedHashMap<>();

    @Option(
            names = "--text",
            paramLabel = "FILE",
            description =
                    "Other text, on which to measure what else moves: the first "
                            + Gpt2Run.ROWS
                            + " rows of its lines. Default: the facts' sentences about other things.")
    private @Nullable Path text;

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
            List<Statement> facts = opened.facts();
            List<QuestionGroup> groups =
                    new ArrayList<>(
                            Neighbours.around(facts, prompt, answer)
                                    .map(fact -> FactEffects.groups(fact, opened.tokenizer()))
                                    .orElse(List.of()));
            ask.forEach((name, file) -> groups.add(opened.questions(name, file)));
            List<QuestionGroup> controlled = otherText(opened, facts);
            groups.addAll(controlled);
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

    /// What is asked of other text, as one group; none where there is no text to ask.
    private List<QuestionGroup> otherText(Gpt2Run opened, List<Statement> facts) {
        if (text != null) {
            return List.of(opened.text(OTHER_TEXT, text));
        }
        List<Statement> knowledge = Neighbours.knowledge(facts);
        return knowledge.isEmpty()
                ? List.of()
                : List.of(
                        QuestionGroup.of(OTHER_TEXT, knowledge, opened.tokenizer(), LossesAt.ALL));
    }
}
