package cleave.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import cleave.model.TextTask.LossesAt;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class TextTaskTest {
    /// "11 12 [13 14] 15", then 0; and "21 22" of which nothing is known to follow.
    private static final Sentence ANSWERED = new Sentence(List.of(11, 12, 13, 14, 15), 0, 2, 4);

    private static final Sentence PROMPT = Sentence.of(List.of(21, 22), Sentence.UNKNOWN);

    @Test
    void lastEndsTheRowBeforeTheAnswer() {
        Scopes.run(() -> {
            Task.Examples examples = inOrder(LossesAt.LAST, 4);
            assertRows(
                    examples,
                    "[11, 12, 99, 99, 21, 22, 99, 99]",
                    "[1, 1, 0, 0, 1, 1, 0, 0]",
                    "[1, 1]",
                    null,
                    "[13, -1]");
            assertThat(examples.batch().positions()).isEqualTo(4);
            assertThat(examples.batch().losses().count()).isEqualTo(2);
        });
    }

    @Test
    void answerCountsEachTokenOfTheAnswer() {
        Scopes.run(() ->
                assertRows(
                        inOrder(LossesAt.ANSWER, 4),
                        "[11, 12, 13, 99, 21, 22, 99, 99]",
                        "[1, 1, 1, 0, 1, 1, 0, 0]",
                        "[1, 2, 1, 0]",
                        "[1, 1, 1, 0]",
                        "[13, 14, -1, -1]"));
    }

    @Test
    void allCountsEveryPositionAndNoPadding() {
        Scopes.run(() ->
                assertRows(
                        inOrder(LossesAt.ALL, 6),
                        "[11, 12, 13, 14, 15, 99, 21, 22, 99, 99, 99, 99]",
                        "[1, 1, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0]",
                        "[0, 1, 2, 3, 4, 0, 1, 0, 0, 0]",
                        "[1, 1, 1, 1, 1, 1, 1, 0, 0, 0]",
                        "[12, 13, 14, 15, 0, 22, -1, -1, -1, -1]"));
    }

    @Test
    void rowsWithoutPaddingHaveNoFlags() {
        Scopes.run(() -> {
            Task.Examples examples =
                    new TextTask("s", List.of(PROMPT), 2, LossesAt.LAST, 99).inOrder(0, 1);
            assertThat(examples.batch().valid()).isNull();
            assertThat(examples.batch().losses().counted()).isNull();
        });
    }

    @Test
    void theMarkIsWhereTheAnswerIsPredicted() {
        Scopes.run(() -> {
            Tensor answer = Tensors.named("answer", inOrder(LossesAt.ALL, 6).marks());
            assertThat(Tensors.toLongs(answer)).containsExactly(1, 1);
        });
    }

    @Test
    void everySentenceComesOnceInEachRound() {
        List<Sentence> sentences =
                java.util.stream.IntStream.range(0, 7)
                        .mapToObj(i -> Sentence.of(List.of(i), Sentence.UNKNOWN))
                        .toList();
        TextTask task = new TextTask("s", sentences, 1, LossesAt.LAST, 99);
        Scopes.run(() -> {
            long[] first = tokens(task.examples(5, Purpose.DATA, 0, 7));
            long[] second = tokens(task.examples(5, Purpose.DATA, 7, 7));
            assertThat(first).containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6);
            assertThat(second).containsExactlyInAnyOrder(0, 1, 2, 3, 4, 5, 6);
            assertThat(first).isNotEqualTo(second);
        });
    }

    @Test
    void anExampleDependsOnItsIndexAlone() {
        TextTask task = new TextTask("s", List.of(ANSWERED, PROMPT), 5, LossesAt.ALL, 99);
        Scopes.run(() -> {
            long[] whole = tokens(task.examples(5, Purpose.DATA, 10, 6));
            long[] tail = tokens(task.examples(5, Purpose.DATA, 13, 3));
            assertThat(tail).containsExactly(java.util.Arrays.copyOfRange(whole, 15, 30));
        });
    }

    @Test
    void aSentenceThatDoesNotFitIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new TextTask("s", List.of(ANSWERED), 4, LossesAt.ALL, 99))
                .withMessage("sentences must have at most 4 tokens, the sequence length, got 5");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Sentence(List.of(1, 2), 0, 0, 1))
                .withMessageContaining("got 0..1 of 2 tokens");
    }

    private static Task.Examples inOrder(LossesAt losses, int length) {
        return new TextTask("s", List.of(ANSWERED, PROMPT), length, losses, 99).inOrder(0, 2);
    }

    private static long[] tokens(Task.Examples examples) {
        return Tensors.toLongs(examples.batch().inputs());
    }

    private static void assertRows(
            Task.Examples examples,
            String tokens,
            String valid,
            String positions,
            @org.jspecify.annotations.Nullable String counted,
            String labels) {
        Batch batch = examples.batch();
        assertThat(shown(batch.inputs())).isEqualTo(tokens);
        assertThat(shown(Objects.requireNonNull(batch.valid()))).isEqualTo(valid);
        assertThat(shown(batch.losses().index())).isEqualTo(positions);
        Tensor flags = batch.losses().counted();
        assertThat(flags == null ? null : shown(flags)).isEqualTo(counted);
        assertThat(shown(examples.labels())).isEqualTo(labels);
    }

    private static String shown(Tensor tensor) {
        return java.util.Arrays.toString(Tensors.toLongs(tensor));
    }
}
