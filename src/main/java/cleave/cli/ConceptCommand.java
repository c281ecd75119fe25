package cleave.cli;

import cleave.analysis.Change;
import cleave.analysis.Concept;
import cleave.analysis.QuestionGroup;
import cleave.analysis.TextRun;
import cleave.command.ConceptOptions;
import cleave.command.JsonOutput;
import cleave.config.UserError;
import cleave.model.Sentence;
import cleave.study.ConceptQuestions;
import cleave.text.Encoded;
import cleave.text.Span;
import cleave.text.Tokenizer.Special;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `cleave concept`: the subcomponents that an answer rests on, and what suppressing them does.
@Command(
        name = "concept",
        description = "Find the subcomponents an answer rests on, suppress them, and look around.")
final class ConceptCommand implements Callable<Integer> {
    private static final String OTHER_TEXT = "other text";
    private static final List<String> OWN_NAMES = List.of("this prompt", OTHER_TEXT);

    @Parameters(paramLabel = "RUN", description = "Run directory, of a language model.")
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
            paramLabel = "TEXT",
            description =
                    "The answer, with the space before it. One of several tokens counts as a"
                            + " whole.")
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
    private List<String> ask = List.of();

    @Option(
            names = "--text",
            paramLabel = "FILE",
            description =
                    "Other text, on which to measure what else moves: its lines in rows of at most "
                            + TextRun.ROW_TOKENS
                            + " tokens, the first "
                            + TextRun.ROWS
                            + " rows.")
    private @Nullable Path text;

    @Mixin private final ConceptOptions options = new ConceptOptions();
    @Mixin private final JsonOutput json = new JsonOutput();

    @Spec private CommandSpec command;

    private final List<ConceptQuestions> studies;

    private ConceptCommand(List<ConceptQuestions> studies) {
        this.studies = studies;
    }

    /// The command, which also asks what studies have to ask beside the prompt. Its help says whose
    /// text stands in for the user's.
    static CommandSpec with(List<ConceptQuestions> studies) {
        CommandSpec command = CommandSpec.forAnnotatedObject(new ConceptCommand(studies));
        if (!studies.isEmpty()) {
            OptionSpec text = command.findOption("--text");
            command.remove(text);
            command.addOption(
                    OptionSpec.builder(text)
                            .description(
                                    "%s Default: %s."
                                            .formatted(
                                                    text.description()[0],
                                                    studies.stream()
                                                            .map(ConceptQuestions::otherTextIs)
                                                            .collect(Collectors.joining(", or "))))
                            .build());
        }
        return command;
    }

    @Override
    public Integer call() {
        Change.At at = options.settings(List.of()).at();
        SequencedMap<String, Path> files = files();
        try (TextRun opened = TextRun.open(run)) {
            Sentence sentence = opened.sentence(prompt, answer);
            List<Integer> positions = within == null ? List.of() : within(opened, within);
            List<QuestionGroup> groups = new ArrayList<>();
            for (ConceptQuestions study : studies) {
                study.problem(opened, at)
                        .ifPresent(problem -> command.commandLine().getErr().println(problem));
                groups.addAll(study.beside(opened, prompt, answer, at));
            }
            files.forEach((name, file) -> groups.add(opened.questions(name, file, at)));
            List<QuestionGroup> controlled = otherText(opened, at);
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

    /// The positions of the tokens that a piece of the prompt lies in. It is said where one of them
    /// stands for more of the prompt than the piece.
    private List<Integer> within(TextRun opened, String piece) {
        Encoded encoded = opened.tokenizer().encoded(prompt, Special.AS_TEXT);
        Encoded.Selection selection = encoded.within(piece);
        for (int position : selection.cut()) {
            Span span = encoded.spans().get(position);
            command.commandLine()
                    .getErr()
                    .println(
                            "note: --within cuts a token: \"%s\" stands for more than the piece, and counts whole"
                                    .formatted(prompt.substring(span.from(), span.to())));
        }
        return selection.positions();
    }

    /// The files of `--ask` by name.
    private SequencedMap<String, Path> files() {
        SequencedMap<String, Path> files = new LinkedHashMap<>();
        for (String each : ask) {
            int equals = each.indexOf('=');
            if (equals < 1 || equals == each.length() - 1) {
                throw new UserError("--ask must be NAME=FILE, got " + each);
            }
            String name = each.substring(0, equals);
            if (OWN_NAMES.contains(name)
                    || studies.stream().anyMatch(study -> study.names().contains(name))
                    || files.put(name, Path.of(each.substring(equals + 1))) != null) {
                throw new UserError(
                        "--ask must have a name of its own, got %s again".formatted(name));
            }
        }
        return files;
    }

    /// What is asked of other text, as one group; none where there is no text to ask.
    private List<QuestionGroup> otherText(TextRun opened, Change.At at) {
        if (text != null) {
            return List.of(opened.text(OTHER_TEXT, text, at));
        }
        return studies.stream()
                .flatMap(study -> study.otherText(opened, OTHER_TEXT, at).stream())
                .limit(1)
                .toList();
    }
}
