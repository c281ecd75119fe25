package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.loss.Divergence;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Sentence;
import cleave.model.Target;
import cleave.model.Task;
import cleave.model.TextTask;
import cleave.model.TextTask.LossesAt;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.stream.IntStream;

/// What a target says to questions as it is and after each of several changes, question by question
/// (spec A11).
///
/// Some questions at a time go through the target, so that of hundreds no more than a few rows'
/// activations are in memory. The clean pass of these rows serves all changes.
///
/// @param before the target's own replies, in the order of the questions
/// @param after the replies after each change, in the order of the changes
public record Inquiry(List<Reply> before, List<List<Reply>> after) {
    /// Tokens that go through the target at once, about.
    private static final int TOKENS = 192;

    /// What the target says to one question.
    ///
    /// @param logProbability of the whole answer, nats
    /// @param rank of the answer among all tokens, 1 where it alone is the most probable: how many
    ///   tokens are not less probable, itself among them, so that of tokens that tie each has the
    ///   last place, and of numbers that are none all; of an answer of several tokens the worst; 0
    ///   where there is no answer
    /// @param top the most probable token at each place of the answer
    /// @param kl divergence from the output without a change at each position compared, nats
    public record Reply(double logProbability, int rank, List<Long> top, List<Double> kl) {
        /// Copies the lists.
        public Reply {
            top = List.copyOf(top);
            kl = List.copyOf(kl);
        }

        /// Probability of the whole answer.
        public double probability() {
            return Math.exp(logProbability);
        }

        /// Whether there is an answer and every token of it is the most probable one, alone.
        public boolean onTop() {
            return rank == 1;
        }
    }

    /// Asks a target as it is.
    public static List<Reply> unchanged(Target target, QuestionGroup group) {
        List<Reply> replies = new ArrayList<>();
        for (List<Sentence> rows : rows(group)) {
            Scopes.run(() ->
                    Scopes.withoutGradient(() -> {
                        Asked asked = Asked.of(target, rows, group);
                        return replies.addAll(asked.replies(asked.clean().outputs()));
                    }));
        }
        return List.copyOf(replies);
    }

    /// Asks a decomposition's target as it is and after each change.
    ///
    /// @param changes everywhere, or edited weights
    public static Inquiry of(
            Decomposition decomposition, QuestionGroup group, List<? extends Change> changes) {
        List<Reply> before = new ArrayList<>();
        List<List<Reply>> after = new ArrayList<>();
        changes.forEach(_ -> after.add(new ArrayList<>()));
        for (List<Sentence> rows : rows(group)) {
            Scopes.run(() ->
                    Scopes.withoutGradient(() -> {
                        Asked asked = Asked.of(decomposition.target(), rows, group);
                        Pass pass = new Pass(decomposition, asked.batch(), asked.clean());
                        before.addAll(asked.replies(asked.clean().outputs()));
                        for (int i = 0; i < changes.size(); i++) {
                            Change change = changes.get(i);
                            List<Reply> replies =
                                    Objects.requireNonNull(
                                            Scopes.run(() -> asked.replies(pass.outputs(change))));
                            after.get(i).addAll(replies);
                        }
                        return true;
                    }));
        }
        return new Inquiry(
                Collections.unmodifiableList(before),
                after.stream().map(Collections::unmodifiableList).toList());
    }

    /// The questions, as many at a time as go through the target together.
    private static List<List<Sentence>> rows(QuestionGroup group) {
        int longest =
                group.sentences().stream()
                        .mapToInt(each -> TextTask.used(each, group.losses()))
                        .max()
                        .orElseThrow();
        int count = Math.max(1, TOKENS / longest);
        List<Sentence> all = group.sentences();
        return IntStream.range(0, Math.ceilDiv(all.size(), count))
                .mapToObj(i -> all.subList(i * count, Math.min(all.size(), (i + 1) * count)))
                .toList();
    }

    /// Some questions with the target's clean pass.
    private record Asked(
            List<Sentence> rows,
            LossesAt losses,
            Batch batch,
            Clean clean,
            Tensor labels,
            Divergence divergence) {

        static Asked of(Target target, List<Sentence> rows, QuestionGroup group) {
            int length =
                    rows.stream()
                            .mapToInt(each -> TextTask.used(each, group.losses()))
                            .max()
                            .orElseThrow();
            Task.Examples examples =
                    new TextTask(group.name(), rows, length, group.losses(), 0)
                            .inOrder(0, rows.size());
            Clean clean = target.clean(examples.batch());
            return new Asked(
                    rows,
                    group.losses(),
                    examples.batch(),
                    clean,
                    examples.labels(),
                    Divergence.from(
                            target.outputs(),
                            clean.outputs(),
                            examples.batch().losses().counted()));
        }

        /// The replies in outputs `[B, P, d_output]`.
        List<Reply> replies(Tensor outputs) {
            // An unknown label is none of the answer's.
            Tensor known = labels.clamp_min(0).unsqueeze(2); // [B, P, 1]
            double[] logarithms = Tensors.toDoubles(Tensors.logSoftmax(outputs).gather(2, known));
            long[] places =
                    Tensors.toLongs(outputs.lt(outputs.gather(2, known)).logical_not().sum(2));
            double[] apart = Tensors.toDoubles(divergence.at(outputs));
            long[] right = Tensors.toLongs(labels);
            long[] top = Tensors.toLongs(outputs.argmax(2, false));
            int most = Math.toIntExact(labels.size(1));
            List<Reply> replies = new ArrayList<>();
            for (int row = 0; row < rows.size(); row++) {
                Sentence sentence = rows.get(row);
                int first = losses == LossesAt.ALL ? 0 : sentence.answer() - 1;
                int compared = TextTask.used(sentence, losses) - first;
                int from = row * most + sentence.answer() - 1 - first;
                int count = Math.max(1, sentence.answerEnd() - sentence.answer());
                double sum = 0;
                int rank = 0;
                List<Long> tops = new ArrayList<>();
                for (int p = from; p < from + count; p++) {
                    if (right[p] != Sentence.UNKNOWN) {
                        sum += logarithms[p];
                        rank = Math.max(rank, Math.toIntExact(places[p]));
                    }
                    tops.add(top[p]);
                }
                List<Double> kl = new ArrayList<>();
                for (int p = row * most; p < row * most + compared; p++) {
                    kl.add(apart[p]);
                }
                replies.add(new Reply(sum, rank, tops, kl));
            }
            return List.copyOf(replies);
        }
    }
}
