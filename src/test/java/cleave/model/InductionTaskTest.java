package cleave.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InductionTaskTest {
    private static final int LENGTH = 8;
    private static final int ROWS = 400;

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void aSequenceHoldsTheSpecialTokenTwiceAndItsAnswerAfterTheFirst(boolean beginToken) {
        InductionTask task = new InductionTask("induction", 5, LENGTH, beginToken);
        assertThat(task.special()).isEqualTo(6);
        Scopes.run(() -> {
            Task.Examples examples = task.examples(3, Purpose.DATA, 10, ROWS);
            Batch batch = examples.batch();
            assertThat(batch.stream()).isEqualTo("induction");
            assertThat(batch.firstExample()).isEqualTo(10);
            assertThat(batch.valid()).isNull();
            assertThat(examples.labels().shape()).containsExactly(ROWS, 1);
            assertThat(Tensors.toLongs(batch.losses().index())).containsOnly(LENGTH - 1L);
            long[] tokens = Tensors.toLongs(batch.inputs());
            long[] labels = Tensors.toLongs(examples.labels());
            long[] s1 = mark(examples, "s1");
            long[] m = mark(examples, "m");
            for (int row = 0; row < ROWS; row++) {
                long[] sequence = Arrays.copyOfRange(tokens, row * LENGTH, (row + 1) * LENGTH);
                assertThat(Arrays.stream(sequence).filter(token -> token == 6)).hasSize(2);
                assertThat(sequence[LENGTH - 1]).isEqualTo(6);
                assertThat(sequence[(int) s1[row]]).isEqualTo(6);
                assertThat(s1[row]).isBetween(2L, LENGTH - 3L);
                assertThat(m[row]).isEqualTo(s1[row] + 1);
                assertThat(labels[row]).isEqualTo(sequence[(int) m[row]]).isBetween(1L, 5L);
                assertThat(Arrays.stream(sequence).filter(token -> token == 0))
                        .hasSize(beginToken ? 1 : 0);
                assertThat(sequence[0] == 0).isEqualTo(beginToken);
            }
        });
    }

    @Test
    void unlikeSequencesAskTheSameOfOtherLengthsAndTokens() {
        InductionTask task = new InductionTask("induction", 128, 64, true);
        assertThat(task.unlike().keySet())
                .containsExactly("length 32", "length 48", "common tokens");
        assertThat(new InductionTask("induction", 5, 6, true).unlike().keySet())
                .containsExactly("common tokens");
        Scopes.run(() -> {
            double[] share = new double[2];
            int kind = 0;
            for (Task each : new Task[] {task, task.unlike().lastEntry().getValue()}) {
                Task.Examples examples = each.examples(3, Purpose.EVALUATION, 0, ROWS);
                long[] tokens = Tensors.toLongs(examples.batch().inputs());
                long[] labels = Tensors.toLongs(examples.labels());
                long[] m = mark(examples, "m");
                for (int row = 0; row < ROWS; row++) {
                    assertThat(tokens[row * 64 + (int) m[row]]).isEqualTo(labels[row]);
                    assertThat(tokens[row * 64 + (int) m[row] - 1]).isEqualTo(129);
                }
                share[kind++] =
                        Arrays.stream(tokens).filter(token -> token >= 1 && token <= 16).count()
                                / (double)
                                        Arrays.stream(tokens)
                                                .filter(token -> token >= 1 && token <= 128)
                                                .count();
            }
            // The first 16 of 128: 1/8 of all, or the mean over k of min(16, k) / k,
            // which is (16 + 16 (1/17 + ... + 1/128)) / 128 = 0.3816 by hand.
            assertThat(share[0]).isCloseTo(0.125, within(0.01));
            assertThat(share[1]).isCloseTo(0.3816, within(0.01));
        });
    }

    @Test
    void marksAreWhereTheirNamesSay() {
        InductionTask task = new InductionTask("induction", 5, LENGTH, true);
        assertThat(task.marks()).containsExactly("s1", "m", "s2", "random");
        Scopes.run(() -> {
            Task.Examples examples = task.examples(3, Purpose.DATA, 0, ROWS);
            assertThat(examples.marks().keySet()).containsExactlyInAnyOrderElementsOf(task.marks());
            assertThat(mark(examples, "s2")).containsOnly(LENGTH - 1L);
            long[] s1 = mark(examples, "s1");
            long[] random = mark(examples, "random");
            for (int row = 0; row < ROWS; row++) {
                assertThat(random[row])
                        .isBetween(1L, LENGTH - 2L)
                        .isNotEqualTo(s1[row])
                        .isNotEqualTo(s1[row] + 1);
            }
        });
    }

    @Test
    void everythingDrawnIsUniform() {
        InductionTask task = new InductionTask("induction", 5, LENGTH, true);
        Scopes.run(() -> {
            int rows = 8000;
            Task.Examples examples = task.examples(3, Purpose.DATA, 0, rows);
            // Five deviations of a share of 1/4 and 1/5 of 8000.
            assertThat(histogram(mark(examples, "s1"), 2, LENGTH - 3))
                    .allSatisfy(count -> assertThat(count).isBetween(1806L, 2194L));
            assertThat(histogram(Tensors.toLongs(examples.labels()), 1, 5))
                    .allSatisfy(count -> assertThat(count).isBetween(1421L, 1779L));
            // Position 1 is free for every s1: one of the four left over.
            assertThat(histogram(mark(examples, "random"), 1, 1)[0]).isBetween(1806L, 2194L);
        });
    }

    private static Long[] histogram(long[] values, int from, int to) {
        Long[] counts = new Long[to - from + 1];
        Arrays.setAll(
                counts, i -> Arrays.stream(values).filter(value -> value == from + i).count());
        return counts;
    }

    @Test
    void anExampleIsAFunctionOfItsIndexAlone() {
        InductionTask task = new InductionTask("induction", 5, LENGTH, true);
        Scopes.run(() -> {
            long[] many = tokens(task, 3, Purpose.DATA, 20, 6);
            assertThat(tokens(task, 3, Purpose.DATA, 22, 3))
                    .containsExactly(Arrays.copyOfRange(many, 2 * LENGTH, 5 * LENGTH));
            assertThat(tokens(task, 4, Purpose.DATA, 20, 6)).isNotEqualTo(many);
            assertThat(tokens(task, 3, Purpose.EVALUATION, 20, 6)).isNotEqualTo(many);
            InductionTask other = new InductionTask("another", 5, LENGTH, true);
            assertThat(tokens(other, 3, Purpose.DATA, 20, 6)).isNotEqualTo(many);
        });
    }

    private static long[] tokens(
            InductionTask task, long seed, Purpose purpose, long first, int n) {
        return Tensors.toLongs(task.examples(seed, purpose, first, n).batch().inputs());
    }

    private static long[] mark(Task.Examples examples, String name) {
        return Tensors.toLongs(Tensors.named(name, examples.marks()));
    }

    @Test
    void impossibleSizesAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new InductionTask("induction", 0, LENGTH, true))
                .withMessage("vocabulary must be >= 1, got 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new InductionTask("induction", 5, 5, true))
                .withMessage("length must be >= 6, got 5");
    }
}
