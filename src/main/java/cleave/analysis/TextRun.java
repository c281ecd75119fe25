package cleave.analysis;

import cleave.config.UserError;
import cleave.data.TextData;
import cleave.model.LanguageModel;
import cleave.model.Sentence;
import cleave.model.Target;
import cleave.model.TextTask.LossesAt;
import cleave.run.LoadedRun;
import cleave.text.Tokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/// A run on a language model, as the commands that ask it for answers open it.
///
/// @param loaded the run
/// @param tokenizer of its target
public record TextRun(LoadedRun loaded, Tokenizer tokenizer) implements AutoCloseable {

    /// Rows of other text, and the most tokens of a row: all are asked at once, and with GPT-2's
    /// 50,257 tokens their outputs take 0.4 GB.
    public static final int ROWS = 64;

    public static final int ROW_TOKENS = 32;

    /// Opens a run.
    ///
    /// @throws UserError when its target is no language model or has no tokenizer
    public static TextRun open(Path run) {
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
    /// @throws UserError when its target is no language model or has no tokenizer
    public static TextRun of(LoadedRun loaded, Path run) {
        requireLanguageModel(loaded, run);
        return new TextRun(
                loaded,
                loaded.model()
                        .tokenizer()
                        .orElseThrow(() ->
                                new UserError(
                                        "run's target must have a tokenizer, got none (%s)"
                                                .formatted(run))));
    }

    /// Refuses a run whose target is another model.
    public static void requireLanguageModel(LoadedRun loaded, Path run) {
        if (loaded.model().target().outputs() == Target.Outputs.VALUES) {
            throw Evaluation.ofValues("run (%s)".formatted(run));
        }
        if (!(loaded.model().spec() instanceof LanguageModel)) {
            throw new UserError(
                    "run's target must be a language model, got %s (%s)"
                            .formatted(loaded.model().spec().getClass().getSimpleName(), run));
        }
    }

    /// A prompt and its answer, of one token or several, as tokens.
    ///
    /// @throws UserError when the answer begins within a token or there are too many tokens
    public Sentence sentence(String prompt, String answer) {
        int[] before = tokenizer.encode(prompt);
        int[] all = tokenizer.encode(prompt + answer);
        if (before.length < 1) {
            throw new UserError("prompt must have at least one token, got none");
        }
        if (!Arrays.equals(Arrays.copyOf(all, before.length), before)) {
            throw new UserError(
                    "answer must begin between tokens, got \"%s\", which the prompt's end is cut together with: %s\nhint: an answer usually begins with a space, and a prompt ends without one"
                            .formatted(answer, shown(all)));
        }
        if (all.length == before.length) {
            throw new UserError("answer must have at least one token, got none");
        }
        // The answer's last token is only asked for.
        requireLength(all.length - 1, all.length - before.length);
        return new Sentence(
                Arrays.stream(all).boxed().toList(), Sentence.UNKNOWN, before.length, all.length);
    }

    private void requireLength(int used, int asked) {
        String what = asked == 1 ? "prompt" : "prompt and answer";
        int longest = loaded.model().target().maximumLength();
        int positions = loaded.decomposition().function().maximumLength();
        if (used > longest) {
            throw new UserError(
                    "%s must be at most the model's context of %d tokens, got %d"
                            .formatted(what, longest, used));
        }
        if (used > positions) {
            throw new UserError(
                    "%s must be at most the importance function's %d positions, got %d"
                            .formatted(what, positions, used));
        }
    }

    /// Tokens as text, each in quotes.
    public List<String> shown(int... tokens) {
        return tokenizer.shown(tokens);
    }

    /// The questions of a file, each line a JSON object with a text and an answer.
    ///
    /// @throws UserError when a line has no answer, or naming every line that cannot be asked
    public QuestionGroup questions(String name, Path file, Change.At at) {
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
    public QuestionGroup text(String name, Path file, Change.At at) {
        int length = Math.min(ROW_TOKENS, longest(at));
        List<Sentence> rows = new TextData.Text(file.toString()).sentences(tokenizer, length);
        return new QuestionGroup(name, rows.stream().limit(ROWS).toList(), LossesAt.ALL);
    }

    /// The most tokens that can be asked. Importances are needed only where a change is made at
    /// active positions.
    public int longest(Change.At at) {
        int context = loaded.model().target().maximumLength();
        return switch (at) {
            case EVERYWHERE -> context;
            case ACTIVE -> Math.min(context, loaded.decomposition().function().maximumLength());
        };
    }

    /// The positions of the tokens that a piece of a text lies in.
    ///
    /// @throws UserError when the text does not hold the piece, or the model has no token for a
    ///   piece of the text
    public static List<Integer> positions(Tokenizer tokenizer, String text, String piece) {
        return tokenizer.encoded(text, Tokenizer.Special.AS_TEXT).within(piece).positions();
    }

    @Override
    public void close() {
        loaded.close();
    }
}
