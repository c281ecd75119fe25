package cleave.analysis;

import cleave.analysis.AnswerEffect.Answer;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.loss.Divergence;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Sentence;
import cleave.model.Task;
import cleave.model.TextTask;
import cleave.model.TextTask.LossesAt;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/// A group of questions with the target's own answers, kept so that many changes can be asked of
/// it. Its tensors belong to the scope it was made in.
///
/// @param group the questions
/// @param pass of their tokens, padded at the end
/// @param labels `[B, P]` the right token after each loss position
/// @param divergence from the outputs without a change
/// @param before the target's own answers
public record Questions(
        QuestionGroup group, Pass pass, Tensor labels, Divergence divergence, List<Answer> before) {

    /// Asks the target.
    ///
    /// @param withImportances whether importances are computed, which ACTIVE changes need
    /// @throws UserError when a sentence is longer than the target or, with importances, the
    ///   importance function takes
    static Questions of(Decomposition decomposition, QuestionGroup group, boolean withImportances) {
        List<Sentence> sentences = group.sentences();
        int length =
                sentences.stream()
                        .mapToInt(sentence -> TextTask.used(sentence, group.losses()))
                        .max()
                        .orElseThrow();
        int longest =
                withImportances
                        ? Math.min(
                                decomposition.target().maximumLength(),
                                decomposition.function().maximumLength())
                        : decomposition.target().maximumLength();
        if (length > longest) {
            throw new UserError(
                    "questions must have at most %d tokens, got %d (%s)"
                            .formatted(longest, length, group.name()));
        }
        Task.Examples examples =
                new TextTask(group.name(), sentences, length, group.losses(), 0)
                        .inOrder(0, sentences.size());
        Batch batch = examples.batch();
        Clean clean = decomposition.target().clean(batch);
        return new Questions(
                group,
                new Pass(
                        decomposition,
                        batch,
                        clean,
                        withImportances ? Importances.of(decomposition, clean, batch) : List.of()),
                examples.labels(),
                Divergence.from(
                        decomposition.target().outputs(),
                        clean.outputs(),
                        batch.losses().counted()),
                answers(group, clean.outputs(), examples.labels()));
    }

    /// What a change does to the answers.
    AnswerEffect effect(Change change) {
        return Scopes.run(() -> {
            Tensor outputs = outputs(change);
            return AnswerEffect.of(
                    group.name(),
                    before,
                    answers(outputs),
                    Tensors.number(divergence.sum(outputs)) / pass.batch().losses().count());
        });
    }

    /// The outputs `[B, P, d_output]` after a change, in the caller's scope.
    Tensor outputs(Change change) {
        return pass.outputs(change);
    }

    /// The answers in outputs `[B, P, d_output]`.
    List<Answer> answers(Tensor outputs) {
        return answers(group, outputs, labels);
    }

    private static List<Answer> answers(QuestionGroup group, Tensor outputs, Tensor labels) {
        return Objects.requireNonNull(
                Scopes.run(() -> {
                    // An unknown label is none of the answer's.
                    Tensor known = labels.clamp_min(0).unsqueeze(2); // [B, P, 1]
                    double[] logarithms =
                            Tensors.toDoubles(Tensors.logSoftmax(outputs).gather(2, known));
                    long[] right = Tensors.toLongs(labels);
                    long[] top = Tensors.toLongs(outputs.argmax(2, false));
                    int most = Math.toIntExact(labels.size(1));
                    List<Answer> answers = new ArrayList<>();
                    for (int row = 0; row < group.sentences().size(); row++) {
                        Sentence sentence = group.sentences().get(row);
                        int from =
                                row * most
                                        + (group.losses() == LossesAt.ALL
                                                ? sentence.answer() - 1
                                                : 0);
                        int count = Math.max(1, sentence.answerEnd() - sentence.answer());
                        double sum = 0;
                        boolean all = true;
                        List<Long> tops = new ArrayList<>();
                        for (int p = from; p < from + count; p++) {
                            sum += right[p] == Sentence.UNKNOWN ? 0 : logarithms[p];
                            all &= right[p] == Sentence.UNKNOWN || right[p] == top[p];
                            tops.add(top[p]);
                        }
                        answers.add(new Answer(sum, tops, all));
                    }
                    return List.copyOf(answers);
                }));
    }
}
