package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.SharedMlp;
import cleave.loss.UsedAlone;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.schedule.Schedule;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.GivenTask;
import cleave.testing.LinearTarget;
import cleave.testing.Problem;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.LongFunction;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/// The used subcomponents without a gate (spec L9), of a map of width 2 with two subcomponents, by
/// hand.
///
/// The gate of subcomponent 0 reads the input: importance 1/4 at x (1, 2) and 0 at x (-3, -1), so
/// that the batch uses 1/4 of it, at both. Subcomponent 1 has importance 0.
class UsedAloneTest {
    private static final Offset<Double> ROUNDING = Offset.offset(1e-12);

    @Test
    void isTheDistanceFromTheTargetWithWhatIsUsedEverywhere() {
        Scopes.run(() -> {
            try (Problem problem = problem(0.0025);
                    Workers workers = new Workers(2);
                    StepRunner runner = runner(problem, workers)) {
                // x (1, 2): inner 1, output 1/4 (1, 1); the target's is (1, 2)
                // x (-3, -1): inner -3, output -3/4 (1, 1); the target's is (-3, -1)
                double first = (0.75 * 0.75 + 1.75 * 1.75) / 2;
                double second = (2.25 * 2.25 + 0.25 * 0.25) / 2;
                assertThat(Objects.requireNonNull(runner.run(0).terms().get("used_alone")))
                        .isCloseTo((first + second) / 2, ROUNDING);
                SortedMap<String, double[]> gradients = runner.gradients();
                // mean over 2 rows and 2 outputs of 2 * (output - target) * inner * used
                assertThat(gradients.get("linear1.U"))
                        .containsExactly(
                                new double[] {
                                    (-0.75 * 1 + 2.25 * -3) * 2 * 0.25 / 4,
                                    (-1.75 * 1 + 0.25 * -3) * 2 * 0.25 / 4,
                                    0,
                                    0
                                },
                                ROUNDING);
                // Of the masks: mean over 2 rows and 2 outputs of 2 * (output - target) * inner *
                // U,
                // subcomponent 0: 2 * (-0.75 - 1.75) * 1 / 4 and 2 * (2.25 + 0.25) * -3 / 4,
                // subcomponent 1: 2 * (-0.75 * 3 + 1.75) * 4 / 4 and 2 * (2.25 * 3 - 0.25) * -2 /
                // 4;
                // 0.01 of that where the pre-activation is not above 0.
                assertThat(gradients.get("linear1.gate.output_bias"))
                        .containsExactly(
                                new double[] {-1.25 - 0.01 * 3.75, -0.01 * (1 + 6.5)}, ROUNDING);
                assertThat(gradients.get("linear1.gate.output")) // hidden 100 and 0
                        .containsExactly(new double[] {-125, -1}, Offset.offset(1e-10));
                assertThat(gradients.get("linear1.gate.hidden")) // x (1, 2), output 0.0025
                        .containsExactly(new double[] {-0.003125, -0.00625}, ROUNDING);
            }
        });
    }

    @Test
    void whatIsFullyUsedHasNoReasonToBeMore() {
        Scopes.run(() -> {
            // importance min(1, 100 x 0.02) at x (1, 2), 0 at the other
            try (Problem problem = problem(0.02);
                    Workers workers = new Workers(1);
                    StepRunner runner = runner(problem, workers)) {
                runner.run(0);
                double[] bias =
                        Objects.requireNonNull(runner.gradients().get("linear1.gate.output_bias"));
                assertThat(bias[0]).isZero();
                assertThat(bias[1]).isNegative();
            }
        });
    }

    @Test
    void paddingTakesNoPartOfTheGradient() {
        Scopes.run(() -> {
            try (Problem problem = problem(0.0025);
                    Workers workers = new Workers(1);
                    StepRunner whole = runner(problem, workers);
                    StepRunner padded = runner(problem, workers, UsedAloneTest::padded)) {
                whole.run(0);
                padded.run(0);
                SortedMap<String, double[]> expected = whole.gradients();
                padded.gradients()
                        .forEach((name, gradient) ->
                                assertThat(gradient)
                                        .as(name)
                                        .containsExactly(
                                                Objects.requireNonNull(expected.get(name)),
                                                ROUNDING));
            }
        });
    }

    private static StepRunner runner(Problem problem, Workers workers) {
        return runner(problem, workers, UsedAloneTest::batch);
    }

    private static StepRunner runner(
            Problem problem, Workers workers, LongFunction<Batch> examples) {
        Stream stream =
                new Stream(
                        new GivenTask("given", examples),
                        2,
                        WeightDelta.NONE,
                        List.of(new UsedAlone(Schedule.constant(1))));
        return new StepRunner(problem, List.of(stream), StepRunner.NONE, workers, 1, 0, 4);
    }

    private static Batch batch(long first) {
        Tensor x = real(new double[] {1, 2, -3, -1}, 2, 1, 2);
        return new Batch("given", first, x, null, LossPositions.last(2, 1, null));
    }

    /// The same with a second position that does not count.
    private static Batch padded(long first) {
        Tensor x = real(new double[] {1, 2, 5, 5, -3, -1, 7, 0}, 2, 2, 2);
        Tensor valid = Tensors.of(new boolean[] {true, false, true, false}, 2, 2);
        return new Batch("given", first, x, valid, LossPositions.last(2, 2, valid));
    }

    private static Problem problem(double output) {
        LinearTarget target = LinearTarget.of(real(new double[] {1, 0, 0, 1}, 2, 2));
        SortedMap<String, Tensor> initial = new TreeMap<>();
        initial.put("linear1.V", real(new double[] {1, 0, 0, 2}, 2, 2));
        initial.put("linear1.U", real(new double[] {1, 1, 3, -1}, 2, 2));
        // gelu(100) = 100 and gelu(-300) = 0 to the last digit
        initial.put("linear1.gate.hidden", real(new double[] {100, 0}, 2, 1));
        initial.put("linear1.gate.hidden_bias", real(new double[1], 1));
        initial.put("linear1.gate.output", real(new double[] {output, 0}, 1, 2));
        initial.put("linear1.gate.output_bias", real(new double[] {0, -1}, 2));
        List<DecomposedSite> sites =
                target.sites().stream().map(site -> new DecomposedSite(site, 2)).toList();
        return Problem.of(target, sites, new SharedMlp(1), Leak.SIGN_GATED, initial);
    }

    private static Tensor real(double[] values, long... shape) {
        return Tensors.of(values, Type.DOUBLE, shape);
    }
}
