package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.SharedMlp;
import cleave.importance.VectorMlp;
import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.Routing.Drawn;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Target;
import cleave.schedule.Schedule;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.GivenTask;
import cleave.testing.LinearTarget;
import cleave.testing.PaddedTask;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A user's own loss on masked passes, through `LossSlice.onPass`.
class OnPassTest {
    private static final Offset<Double> ROUNDING = Offset.offset(1e-14);

    /// A map of width 2 with two subcomponents, of importances 1/4 and 0 everywhere; the loss is
    /// the mean square of the outputs under masks g.
    @Test
    void hasTheValueAndGradientsThatOneGetsByHand() {
        Scopes.run(() -> {
            try (Problem problem = problem();
                    Workers workers = new Workers(2);
                    StepRunner runner = runner(problem, workers, 1)) {
                // x (1, 2): inner (1, 4), masked (1/4, 0), output 1/4 (1, 1) + 0.1 = (0.35, 0.35)
                // x (0, -1): inner (0, -2), masked 0, output (0.1, 0.1)
                // mean over 2 rows and 2 outputs
                assertThat(value(runner)).isCloseTo((0.35 * 0.35 + 0.1 * 0.1) / 2, ROUNDING);
                SortedMap<String, double[]> gradients = runner.gradients();
                // 2 * output * inner * mask over 4, of the first row alone
                assertThat(gradients.get("linear1.U"))
                        .containsExactly(
                                new double[] {2 * 0.35 / 4 / 4, 2 * 0.35 / 4 / 4, 0, 0}, ROUNDING);
                // x * mask * (2 * output . U_0) over 4: (1, 2) * 1.4 / 16 + (0, -1) * 0.4 / 16
                assertThat(gradients.get("linear1.V"))
                        .containsExactly(
                                new double[] {1.4 / 16, 0, 2 * 1.4 / 16 - 0.4 / 16, 0}, ROUNDING);
                // Of the masks: inner * (2 * output . U) over 4: 1.4 / 4 and 0; 4 * 1.4 / 4, which
                // the leak does not pass on, and -2 * 0.4 / 4, a hundredth of which it does.
                assertThat(gradients.get("linear1.gate.output_bias"))
                        .containsExactly(new double[] {1.4 / 4, -0.01 * 0.2}, ROUNDING);
            }
        });
    }

    @Test
    void withoutACoefficientItIsOnlyMeasured() {
        Scopes.run(() -> {
            try (Problem problem = problem();
                    Workers workers = new Workers(1);
                    StepRunner runner = runner(problem, workers, 0)) {
                assertThat(value(runner)).isCloseTo((0.35 * 0.35 + 0.1 * 0.1) / 2, ROUNDING);
                runner.gradients()
                        .forEach((name, gradient) -> assertThat(gradient).as(name).containsOnly(0));
            }
        });
    }

    /// With padding, in slices and on workers.
    @ParameterizedTest
    @ValueSource(strings = {"all", "each_alone", "random_subset"})
    void aReconstructionWrittenSoIsTheBuiltInOne(String name) {
        Routing routing =
                switch (name) {
                    case "all" -> new Routing.All();
                    case "each_alone" -> new Routing.EachAlone();
                    default -> new Routing.RandomSubset(Drawn.PER_POSITION);
                };
        Schedule coefficient = Schedule.constant(0.7);
        Masking masks = new Masking.Stochastic();
        Scopes.run(() -> {
            Target target = Toy.target(Type.DOUBLE);
            try (Problem problem =
                            Toy.problem(
                                    target,
                                    Toy.sites(target, 3, "V0", "Q1", "O1"),
                                    new VectorMlp(2),
                                    Leak.SIGN_GATED,
                                    5);
                    Workers workers = new Workers(2);
                    StepRunner own =
                            padded(
                                    problem,
                                    workers,
                                    new OwnParts.OnPass(coefficient, masks, routing));
                    StepRunner builtIn =
                            padded(
                                    problem,
                                    workers,
                                    new Reconstruction(coefficient, masks, routing, 1))) {
                assertThat(own.run(1).total()).isCloseTo(builtIn.run(1).total(), ROUNDING);
                SortedMap<String, double[]> expected = builtIn.gradients();
                own.gradients()
                        .forEach((parameter, gradient) ->
                                assertThat(gradient)
                                        .as(parameter)
                                        .containsExactly(
                                                Objects.requireNonNull(expected.get(parameter)),
                                                ROUNDING));
            }
        });
    }

    private static StepRunner padded(Problem problem, Workers workers, LossTerm term) {
        Stream stream =
                new Stream(
                        new PaddedTask("padded", Toy.TOKENS, Toy.LENGTH, true),
                        5,
                        WeightDelta.STOCHASTIC,
                        List.of(term));
        return new StepRunner(problem, List.of(stream), StepRunner.NONE, workers, 2, 3, 4);
    }

    private static double value(StepRunner runner) {
        return Objects.requireNonNull(runner.run(0).terms().get("size"));
    }

    private static StepRunner runner(Problem problem, Workers workers, double coefficient) {
        Stream stream =
                new Stream(
                        new GivenTask("given", OnPassTest::batch),
                        2,
                        WeightDelta.NONE,
                        List.of(
                                new OwnParts.Size(
                                        Schedule.constant(coefficient), new Masking.Importance())));
        return new StepRunner(problem, List.of(stream), StepRunner.NONE, workers, 1, 0, 4);
    }

    private static Batch batch(long first) {
        Tensor x = real(new double[] {1, 2, 0, -1}, 2, 1, 2);
        return new Batch("given", first, x, null, LossPositions.last(2, 1, null));
    }

    private static Problem problem() {
        LinearTarget target = LinearTarget.of(real(new double[] {1, 0, 0, 1}, 2, 2));
        SortedMap<String, Tensor> initial = new TreeMap<>();
        initial.put("linear1.V", real(new double[] {1, 0, 0, 2}, 2, 2));
        initial.put("linear1.U", real(new double[] {1, 1, 3, -1}, 2, 2));
        initial.put("linear1.gate.hidden", real(new double[2], 2, 1));
        initial.put("linear1.gate.hidden_bias", real(new double[1], 1));
        initial.put("linear1.gate.output", real(new double[2], 1, 2));
        initial.put("linear1.gate.output_bias", real(new double[] {0.25, -1}, 2));
        List<DecomposedSite> sites =
                target.sites().stream().map(site -> new DecomposedSite(site, 2)).toList();
        return Problem.of(target, sites, new SharedMlp(1), Leak.SIGN_GATED, initial);
    }

    private static Tensor real(double[] values, long... shape) {
        return Tensors.of(values, Type.DOUBLE, shape);
    }
}
