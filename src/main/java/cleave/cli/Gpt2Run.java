package cleave.cli;

import cleave.analysis.Change;
import cleave.analysis.QuestionGroup;
import cleave.config.UserError;
import cleave.data.TextData;
import cleave.facts.FactTable;
import cleave.facts.Statement;
import cleave.facts.Statement.About;
import cleave.hub.ModelSpec;
import cleave.model.Sentence;
import cleave.model.TextTask;
import cleave.model.TextTask.LossesAt;
import cleave.run.LoadedRun;
import cleave.text.CompactVocabulary;
import cleave.text.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/// A run on a GPT-2, as the commands that ask it for answers open it.
///
/// @param loaded the run
/// @param tokenizer of its target
record Gpt2Run(LoadedRun loaded, Tokenizer tokenizer) implements AutoCloseable {

    /// Rows of other text, and the most tokens of a row: all are asked at once, and with GPT-2's
    /// 50,257 tokens their outputs take 0.4 GB.
    static final int ROWS = 64;

    static final int ROW_TOKENS = 32;

    /// Opens a run.
    ///
    /// @throws UserError when its target is not a GPT-2 or has no tokenizer
    static Gpt2Run open(Path run) {
        LoadedRun loaded = LoadedRun.open(run);
        try {
            return of(loaded, run);
        } catch (RuntimeException refused) {
            loaded.close();
            throw refused;
        }
    }

    /// An open run.
    ///
    /// @throws UserError when its target is not a GPT-2 or has no tokenizer
    static Gpt2Run of(LoadedRun loaded, Path run) {
        requireGpt2(loaded, run);
        return new Gpt2Run(
                loaded,
                loaded.model()
                        .tokenizer()
                        .orElseThrow(() ->
                                new UserError(
                                        "run's target must have a tokenizer, got none (%s)"
                                                .formatted(run))));
    }

    /// Refuses a run whose target is another model.
    static void requireGpt2(LoadedRun loaded, Path run) {
        if (!(loaded.model().spec() instanceof ModelSpec.Gpt2)) {
            throw new UserError(
                    "run's target must be a GPT-2, got %s (%s)"
                            .formatted(loaded.model().spec().getClass().getSimpleName(), run));
        }
    }

    /// A prompt and its answer as tokens.
    ///
    /// @throws UserError when the answer is not one token or the prompt is too long
    Sentence sentence(String prompt, String answer) {
        int[] before = tokenizer.encode(prompt);
        int[] all = tokenizer.encode(prompt + answer);
        int longest = loaded.model().target().maximumLength();
        int positions = loaded.decomposition().function().maximumLength();
        if (before.length < 1) {
            throw new UserError("prompt must have at least one token, got none");
        }
        if (before.length > longest) {
            throw new UserError(
                    "prompt must be at most the model's context of %d tokens, got %d"
                            .formatted(longest, before.length));
        }
        if (before.length > positions) {
            throw new UserError(
                    "prompt must be at most the importance function's %d positions, got %d"
                            .formatted(positions, before.length));
        }
        int[] alone = tokenizer.encode(answer);
        if (alone.length != 1) {
            throw new UserError(
                    "answer must be one token after the prompt, got %d: %s\nhint: an answer usually begins with a space"
                            .formatted(alone.length, shown(alone)));
        }
        if (all.length != before.length + 1
                || !Arrays.equals(Arrays.copyOf(all, before.length), before)) {
            throw new UserError(
                    "answer must be one token after the prompt, got %s, which the prompt's end is cut together with: %s\nhint: an answer usually begins with a space, and a prompt ends without one"
                            .formatted(shown(alone).getFirst(), shown(all)));
        }
        return new Sentence(
                Arrays.stream(all).boxed().toList(), Sentence.UNKNOWN, before.length, all.length);
    }

    /// Tokens as text, each in quotes.
    List<String> shown(int... tokens) {
        return Arrays.stream(tokens)
                .mapToObj(token -> '"' + tokenizer.decode(new int[] {token}) + '"')
                .toList();
    }

    /// The questions of a file, each line a JSON object with a text and an answer.
    ///
    /// @throws UserError when a line has no answer, or naming every line that cannot be asked
    QuestionGroup questions(String name, Path file, Change.At at) {
        TextData.Jsonl data = new TextData.Jsonl(file.toString(), LossesAt.ANSWER);
        List<String> problems =
                data.pieces().stream()
                        .filter(piece -> piece.answer().isEmpty())
                        .map(piece ->
                                "%s: question must have an answer, got none"
                                        .formatted(piece.place()))
                        .toList();
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
        return new QuestionGroup(name, data.sentences(tokenizer, longest(at)), LossesAt.ANSWER);
    }

    /// The first rows of a file's lines, which are cut into rows.
    ///
    /// @throws UserError naming every line that the tokenizer refuses
    QuestionGroup text(String name, Path file, Change.At at) {
        int length = Math.min(ROW_TOKENS, longest(at));
        List<Sentence> rows = new TextData.Text(file.toString()).sentences(tokenizer, length);
        return new QuestionGroup(name, rows.stream().limit(ROWS).toList(), LossesAt.ALL);
    }

    /// The most tokens that can be asked. Importances are needed only where a change is made at
    /// active positions.
    private int longest(Change.At at) {
        int context = loaded.model().target().maximumLength();
        return switch (at) {
            case EVERYWHERE -> context;
            case ACTIVE -> Math.min(context, loaded.decomposition().function().maximumLength());
        };
    }

    /// The statements of the facts that come with Cleave, where the target has tokens for them;
    /// none otherwise.
    List<Statement> facts() {
        return facts(tokenizer);
    }

    /// Why the facts cannot be asked; empty where they can.
    Optional<String> factsProblem(Change.At at) {
        int context = loaded.model().target().maximumLength();
        return factsProblem(tokenizer, context)
                .or(() -> {
                    int needed = longest(facts(), tokenizer);
                    return needed <= longest(at)
                            ? Optional.empty()
                            : Optional.of(
                                    "importance.positions must be >= %d to ask the facts with --at active, got %d"
                                            .formatted(needed, longest(at)));
                });
    }

    /// Why the facts cannot be asked of any run of a target.
    ///
    /// @param context the most tokens that the target takes
    static Optional<String> factsProblem(Tokenizer tokenizer, int context) {
        List<Statement> facts = facts(tokenizer);
        if (facts.isEmpty()) {
            return Optional.of("target must have tokens for the facts, got others");
        }
        int needed = longest(facts, tokenizer);
        return needed <= context
                ? Optional.empty()
                : Optional.of(
                        "target's context must be >= %d tokens to ask the facts, got %d"
                                .formatted(needed, context));
    }

    private static int longest(List<Statement> facts, Tokenizer tokenizer) {
        return facts.stream().mapToInt(each -> used(each, tokenizer)).max().orElse(0);
    }

    private static int used(Statement statement, Tokenizer tokenizer) {
        LossesAt losses = statement.about() == About.KNOWLEDGE ? LossesAt.ALL : LossesAt.ANSWER;
        return TextTask.used(statement.sentence(tokenizer), losses);
    }

    /// The statements of the facts, for a tokenizer that has exactly their tokens, or any that cuts
    /// them so that a sport is one token, as GPT-2's own does; none for others.
    private static List<Statement> facts(Tokenizer tokenizer) {
        List<Statement> all = Statement.of(FactTable.shipped());
        List<String> texts = new ArrayList<>();
        all.forEach(each -> texts.add(each.text()));
        if (tokenizer instanceof CompactVocabulary
                && CompactVocabulary.of(texts).size() != tokenizer.size()) {
            return List.of();
        }
        try {
            return all.stream().allMatch(each -> isAsked(each, tokenizer)) ? all : List.of();
        } catch (UserError other) {
            return List.of();
        }
    }

    private static boolean isAsked(Statement statement, Tokenizer tokenizer) {
        Sentence sentence = statement.sentence(tokenizer);
        return statement.about() != About.FORWARD || sentence.answerEnd() - sentence.answer() == 1;
    }

    @Override
    public void close() {
        loaded.close();
    }
}
