package cleave.study.induction;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cleave.analysis.Census;
import cleave.analysis.Evaluation;
import cleave.analysis.GivenTask;
import cleave.analysis.Handmade;
import cleave.analysis.SubcomponentId;
import cleave.decomposition.Compaction;
import cleave.decomposition.Decomposition;
import cleave.mask.WeightDelta;
import cleave.model.InductionTask;
import cleave.model.Task;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class CircuitTest {
    private static final double ROUNDING = 1e-5;
    private static final int SEQUENCES = 40;
    private static final InductionTask TASK =
            new InductionTask("induction", 6, Handmade.LENGTH, true);

    private static Circuit circuit(Handmade made) {
        return circuit(made.decomposition());
    }

    private static Circuit circuit(Decomposition decomposition) {
        Census census =
                Census.of(
                        decomposition,
                        TASK,
                        new Census.Settings(0.5, SEQUENCES, 16, WeightDelta.NONE));
        return Circuit.of(decomposition, TASK, census, SEQUENCES, 16);
    }

    private static SuppressedGroup group(List<SuppressedGroup> groups, String name) {
        return groups.stream().filter(group -> group.name().equals(name)).findFirst().orElseThrow();
    }

    private static void same(CircuitFigures actual, CircuitFigures expected) {
        for (int k = 0; k < CircuitFigures.OFFSETS; k++) {
            assertThat(actual.toS1().get(k)).isCloseTo(expected.toS1().get(k), within(ROUNDING));
        }
        assertThat(actual.s2ToM()).isCloseTo(expected.s2ToM(), within(ROUNDING));
        assertThat(actual.accuracy()).isCloseTo(expected.accuracy(), within(ROUNDING));
    }

    @Test
    void measuresTheTargetsAttention() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade()) {
                Task.Examples examples = TASK.examples(0, Draws.Purpose.EVALUATION, 0, SEQUENCES);
                var attention = made.target().clean(examples.batch()).attention();
                double[] first = Tensors.toDoubles(attention.get(0)); // [B, T, T]
                double[] second = Tensors.toDoubles(attention.get(1));
                long[] s1 = Tensors.toLongs(Tensors.named("s1", examples.marks()));
                double[] sums = new double[6];
                long[] counts = new long[6];
                double last = 0;
                for (int row = 0; row < SEQUENCES; row++) {
                    int at = (int) s1[row];
                    for (int k = 0; k < 6 && at + k < 7; k++) {
                        sums[k] += first[(row * 8 + at + k) * 8 + at];
                        counts[k]++;
                    }
                    last += second[(row * 8 + 7) * 8 + at + 1];
                }
                Circuit circuit = circuit(made);
                assertThat(circuit.sampleToS1())
                        .isEqualTo(IntStream.range(0, 6).mapToObj(k -> counts[k]).toList());
                for (int k = 0; k < 5; k++) {
                    assertThat(circuit.target().toS1().get(k))
                            .isCloseTo(sums[k] / counts[k], within(ROUNDING));
                }
                assertThat(circuit.target().s2ToM()).isCloseTo(last / SEQUENCES, within(ROUNDING));
            }
        });
    }

    @Test
    void nothingSuppressedIsTheTarget() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade()) {
                Circuit circuit = circuit(made);
                same(circuit.allOn(), circuit.target());
                SuppressedGroup none = group(circuit.matrices(), "K0");
                assertThat(none.suppressed()).isEmpty();
                assertThat(none.controls()).isEmpty();
                same(none.figures(), circuit.target());
                assertThat(circuit.verdict().matrices())
                        .extracting(CircuitVerdict.Finding::words)
                        .contains("K0 has no active subcomponent");
                assertThat(circuit.verdict().holds()).isFalse();
            }
        });
    }

    @Test
    void aWhollySuppressedMatrixIsAZeroMatrix() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade();
                    Handmade zero = new Handmade("blocks.0.query", "blocks.1.value")) {
                for (int c = 0; c < Handmade.C; c++) {
                    made.always("Q0", c, 1).always("V1", c, 1);
                }
                Circuit circuit = circuit(made);
                CircuitFigures without = circuit(zero).target();
                // Attention is decided by Q0 alone; the outputs by V1 too.
                CircuitFigures step = group(circuit.steps(), "step 1").figures();
                assertThat(step.mToS1()).isCloseTo(without.mToS1(), within(ROUNDING));
                assertThat(step.s2ToM()).isCloseTo(without.s2ToM(), within(ROUNDING));
                assertThat(group(circuit.matrices(), "V1").figures())
                        .isEqualTo(group(circuit.steps(), "copy").figures());
                assertThat(group(circuit.matrices(), "V1").figures().s2ToM())
                        .isCloseTo(circuit.target().s2ToM(), within(ROUNDING));
            }
        });
    }

    @Test
    void allOthersAreSuppressedInsteadMergedOrNot() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade()) {
                made.always("Q0", 2, 1).always("V1", 1, 1);
                Decomposition whole = made.decomposition();
                List<SubcomponentId> rest =
                        IntStream.range(0, Handmade.C)
                                .filter(c -> c != 2)
                                .mapToObj(c -> new SubcomponentId("Q0", c))
                                .toList();
                CircuitRuns.Condition off = CircuitRuns.Condition.without(rest);
                CircuitFigures expected =
                        new CircuitRuns(
                                        whole,
                                        TASK,
                                        new Evaluation(made.target(), TASK, SEQUENCES, 16),
                                        List.of(off))
                                .figures(off);
                long[] idle = LongStream.range(0, Handmade.C).map(c -> c < 4 ? 0 : 9).toArray();
                Decomposition merged =
                        Compaction.merge(
                                whole,
                                Compaction.living(
                                        whole.sites(),
                                        _ -> idle,
                                        new Compaction.Settings(5, 1, Optional.empty())));
                assertThat(merged.remainders()).containsKey("Q0");
                for (Decomposition each : List.of(whole, merged)) {
                    Circuit circuit = circuit(each);
                    SuppressedGroup.Others others =
                            Objects.requireNonNull(group(circuit.matrices(), "Q0").others());
                    assertThat(others.suppressed()).isEqualTo(Handmade.C - 1);
                    same(circuit.allOn(), circuit.target()); // the merged are among all
                    same(others.figures(), expected);
                    assertThat(others.figures().mToS1())
                            .isNotCloseTo(circuit.target().mToS1(), within(ROUNDING));
                    assertThat(group(circuit.matrices(), "K0").others()).isNull();
                }
            }
        });
    }

    @Test
    void whatWasMergedIsNoControl() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade()) {
                made.always("Q0", 2, 1);
                Decomposition read = made.decomposition();
                // As a run is read back: merged ones are there, with norm 0.
                for (long c = 4; c < Handmade.C; c++) {
                    Tensors.named("Q0.U", read.tensors()).select(0, c).zero_();
                }
                for (SuppressedGroup.Control control :
                        group(circuit(read).matrices(), "Q0").controls()) {
                    assertThat(control.suppressed())
                            .hasSize(1)
                            .allMatch(id -> id.index() < 4 && id.index() != 2);
                }
            }
        });
    }

    @Test
    void controlsAreInactiveAndOfTheSameMatrix() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade()) {
                made.always("Q0", 2, 1).always("V0", 4, 1).always("V0", 5, 1);
                Circuit circuit = circuit(made);
                SuppressedGroup step = group(circuit.steps(), "step 1");
                assertThat(step.suppressed())
                        .extracting(SubcomponentId::toString)
                        .containsExactly("Q0:2", "V0:4", "V0:5");
                assertThat(step.controls()).hasSize(Circuit.DRAWS);
                assertThat(step.controls())
                        .allSatisfy(control -> {
                            assertThat(control.suppressed()).hasSize(3);
                            assertThat(control.suppressed())
                                    .doesNotContainAnyElementsOf(step.suppressed());
                            assertThat(control.suppressed())
                                    .extracting(SubcomponentId::site)
                                    .containsExactly("Q0", "V0", "V0");
                            assertThat(control.normRatio()).isBetween(0.5, 2.0);
                        });
            }
        });
    }

    @Test
    void refusesAnotherTaskOrOtherSites() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade()) {
                Decomposition whole = made.decomposition();
                Census census =
                        Census.of(whole, TASK, new Census.Settings(0.5, 2, 2, WeightDelta.NONE));
                GivenTask other = new GivenTask(new long[][] {{0, 1}}, new long[1]);
                assertThatThrownBy(() -> Circuit.of(whole, other, census, 1, 1))
                        .hasMessage(
                                "circuit check must have a task with the marks s1, m and s2, got [last, first]");
                Decomposition part =
                        new Decomposition(
                                whole.target(),
                                whole.sites().subList(0, 3),
                                whole.function(),
                                whole.leak(),
                                whole.tensors());
                assertThatThrownBy(() -> Circuit.of(part, TASK, census, 1, 1))
                        .hasMessage(
                                "circuit check must have a decomposed site among [Q1, K1] for step 2, got [Q0, K0, V0]");
            }
        });
    }
}
