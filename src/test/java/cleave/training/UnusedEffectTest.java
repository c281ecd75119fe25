package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.SharedMlp;
import cleave.loss.UnusedEffect;
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
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/// The unused effect (spec L8) of two linear maps of width 2 with two subcomponents each, by hand.
///
/// The gates ignore their input: subcomponent 0 has importance 1/4 and so unused weight 3/4,
/// subcomponent 1 has importance 0 and unused weight 1; so the term counts for 1/4.
class UnusedEffectTest {
    private static final Offset<Double> ROUNDING = Offset.offset(1e-14);

    @Test
    void isTheSquaredOutputOfTheUnusedAlone() {
        Scopes.run(() -> {
            try (Problem problem = problem();
                    Workers workers = new Workers(2);
                    StepRunner runner = runner(problem, workers)) {
                // x (1, 2): inner (1, 4), masked (3/4, 4), output 3/4 (1, 1) + 4 (3, -1)
                // x (0, -1): inner (0, -2), output -2 (3, -1); the second map doubles both
                double first = 4 * (12.75 * 12.75 + 3.25 * 3.25) / 2;
                double second = 4.0 * (36 + 4) / 2;
                assertThat(Objects.requireNonNull(runner.run(0).terms().get("unused_effect")))
                        .isCloseTo((first + second) / 2 / 4, ROUNDING);
                SortedMap<String, double[]> gradients = runner.gradients();
                // mean over 2 rows and 2 outputs of 2 * output * 2 * inner * unused; twice doubled
                assertThat(gradients.get("linear1.U"))
                        .containsExactly(
                                new double[] {
                                    0.5 * 12.75 * 0.75,
                                    0.5 * -3.25 * 0.75,
                                    0.5 * (12.75 * 4 + -6 * -2),
                                    0.5 * (-3.25 * 4 + 2 * -2)
                                },
                                ROUNDING);
                assertThat(gradients.get("linear2.U")).containsOnly(0);
                gradients.forEach((name, gradient) -> {
                    if (name.contains(".gate.")) {
                        assertThat(gradient).as(name).containsOnly(0);
                    }
                });
            }
        });
    }

    @Test
    void aSiteOfWhichNothingIsUsedHasNone() {
        Scopes.run(() -> {
            try (Problem problem = problem();
                    Workers workers = new Workers(1);
                    StepRunner runner = runner(problem, workers)) {
                Tensors.named("linear1.gate.output_bias", problem.parameters().views())
                        .copy_(real(new double[] {-0.25, -1}, 2));
                assertThat(Objects.requireNonNull(runner.run(0).terms().get("unused_effect")))
                        .isZero();
                assertThat(runner.gradients().get("linear1.U")).containsOnly(0);
            }
        });
    }

    @Test
    void sitesTakeTurns() {
        Scopes.run(() -> {
            try (Problem problem = problem();
                    Workers workers = new Workers(1);
                    StepRunner runner = runner(problem, workers)) {
                runner.run(3);
                assertThat(runner.gradients().get("linear1.U")).containsOnly(0);
                assertThat(runner.gradients().get("linear2.U")).doesNotContain(0);
            }
        });
    }

    private static StepRunner runner(Problem problem, Workers workers) {
        Stream stream =
                new Stream(
                        new GivenTask("given", UnusedEffectTest::batch),
                        2,
                        WeightDelta.NONE,
                        List.of(new UnusedEffect(Schedule.constant(1))));
        return new StepRunner(problem, List.of(stream), StepRunner.NONE, workers, 1, 0, 4);
    }

    private static Batch batch(long first) {
        Tensor x = real(new double[] {1, 2, 0, -1}, 2, 1, 2);
        return new Batch("given", first, x, null, LossPositions.last(2, 1, null));
    }

    private static Problem problem() {
        LinearTarget target =
                LinearTarget.of(
                        real(new double[] {1, 0, 0, 1}, 2, 2),
                        real(new double[] {2, 0, 0, 2}, 2, 2));
        SortedMap<String, Tensor> initial = new TreeMap<>();
        for (String site : List.of("linear1", "linear2")) {
            initial.put(site + ".V", real(new double[] {1, 0, 0, 2}, 2, 2));
            initial.put(site + ".U", real(new double[] {1, 1, 3, -1}, 2, 2));
            initial.put(site + ".gate.hidden", real(new double[2], 2, 1));
            initial.put(site + ".gate.hidden_bias", real(new double[1], 1));
            initial.put(site + ".gate.output", real(new double[2], 1, 2));
            initial.put(site + ".gate.output_bias", real(new double[] {0.25, -1}, 2));
        }
        List<DecomposedSite> sites =
                target.sites().stream().map(site -> new DecomposedSite(site, 2)).toList();
        return Problem.of(target, sites, new SharedMlp(1), Leak.SIGN_GATED, initial);
    }

    private static Tensor real(double[] values, long... shape) {
        return Tensors.of(values, Type.DOUBLE, shape);
    }
}
