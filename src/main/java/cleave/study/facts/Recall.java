package cleave.study.facts;

import cleave.data.TextData;
import cleave.model.Sentence;
import cleave.model.Target;
import cleave.model.Task;
import cleave.model.TextTask;
import cleave.model.TextTask.LossesAt;
import cleave.study.facts.Statement.About;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// How many statements a model completes rightly: every token of the answer is the most likely one
/// after the prompt and the tokens of the answer before it, which is what greedy continuation
/// gives.
///
/// @param forward from athletes to sports
/// @param reverse from sports and attributes to athletes
/// @param knowledge about other things
/// @param wrong the sentences that were not completed rightly
public record Recall(Share forward, Share reverse, Share knowledge, List<String> wrong)
        implements TextData.Examination {
    private static final int ROWS = 100;
    private static final int WRONG_SHOWN = 5;

    /// Some of so many.
    public record Share(int right, int of) {
        /// The share in percent; 100 of none.
        public double percent() {
            return of == 0 ? 100 : 100.0 * right / of;
        }
    }

    /// Asks a model for the answer of each statement.
    ///
    /// @param target outputs logits for the tokenizer's tokens
    public static Recall of(Target target, Tokenizer tokenizer, List<Statement> statements) {
        boolean[] right = new boolean[statements.size()];
        List<Sentence> sentences =
                statements.stream().map(statement -> statement.sentence(tokenizer)).toList();
        for (int first = 0; first < sentences.size(); first += ROWS) {
            int from = first;
            int rows = Math.min(ROWS, sentences.size() - first);
            List<Boolean> some =
                    Scopes.run(() ->
                            Scopes.withoutGradient(
                                    () -> right(target, sentences.subList(from, from + rows))));
            for (int row = 0; row < rows; row++) {
                right[first + row] = some.get(row);
            }
        }
        List<String> wrong = new ArrayList<>();
        for (int i = 0; i < right.length; i++) {
            if (!right[i]) {
                wrong.add(statements.get(i).text());
            }
        }
        return new Recall(
                share(About.FORWARD, statements, right),
                share(About.REVERSE, statements, right),
                share(About.KNOWLEDGE, statements, right),
                wrong);
    }

    private static List<Boolean> right(Target target, List<Sentence> sentences) {
        int length =
                sentences.stream()
                        .mapToInt(sentence -> TextTask.used(sentence, LossesAt.ANSWER))
                        .max()
                        .orElseThrow();
        Task.Examples examples =
                new TextTask("recall", sentences, length, LossesAt.ANSWER, 0)
                        .inOrder(0, sentences.size());
        Tensor outputs = target.forward(examples.batch(), Map.of(), null).outputs();
        long[] best = Tensors.toLongs(outputs.argmax(2, false)); // [B, P]
        long[] labels = Tensors.toLongs(examples.labels()); // [B, P]
        int most = labels.length / sentences.size();
        List<Boolean> right = new ArrayList<>();
        for (int row = 0; row < sentences.size(); row++) {
            boolean all = true;
            for (int p = row * most; p < (row + 1) * most; p++) {
                all &= labels[p] == Sentence.UNKNOWN || labels[p] == best[p];
            }
            right.add(all);
        }
        return right;
    }

    private static Share share(About about, List<Statement> statements, boolean[] right) {
        int count = 0;
        int of = 0;
        for (int i = 0; i < right.length; i++) {
            if (statements.get(i).about() == about) {
                of++;
                count += right[i] ? 1 : 0;
            }
        }
        return new Share(count, of);
    }

    @Override
    public String text() {
        StringBuilder lines = new StringBuilder("held-out phrasings completed rightly:\n");
        line(lines, "athlete to sport", forward);
        line(lines, "sport and attribute to athlete", reverse);
        line(lines, "other knowledge", knowledge);
        wrong.stream()
                .limit(WRONG_SHOWN)
                .forEach(sentence -> lines.append("  wrong: ").append(sentence).append('\n'));
        return lines.toString();
    }

    private static void line(StringBuilder lines, String name, Share share) {
        lines.append(
                String.format(
                        Locale.ROOT,
                        "  %-31s %6.2f %% (%d of %d)%n",
                        name,
                        share.percent(),
                        share.right(),
                        share.of()));
    }

    @Override
    public String card() {
        return """
        | held out, athlete to sport | %s |
        | held out, sport and attribute to athlete, every token of the name | %s |
        | held out, other knowledge | %s |
        """
                .formatted(figure(forward), figure(reverse), figure(knowledge));
    }

    private static String figure(Share share) {
        return String.format(
                Locale.ROOT, "%.2f %% (%d of %d)", share.percent(), share.right(), share.of());
    }

    @Override
    public String source() {
        return "What is held out, and what the\ntext is, says docs/facts.md.";
    }
}
