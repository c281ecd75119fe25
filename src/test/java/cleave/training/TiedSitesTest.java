package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.decomposition.Decomposition;
import cleave.importance.GlobalMlp;
import cleave.importance.ImportanceFunction;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.Mlp;
import cleave.importance.SharedMlp;
import cleave.loss.Faithfulness;
import cleave.loss.Reconstruction;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.WeightDelta;
import cleave.model.Target;
import cleave.schedule.Schedule;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Differences;
import cleave.testing.FeatureTask;
import cleave.testing.LinearTarget;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Two sites that read one weight in two directions (spec S5).
class TiedSitesTest {
    private static final int WIDTH = 4;
    private static final int HIDDEN = 2;
    private static final int C = 3;
    private static final int ROWS = 5;
    private static final long SEED = 2;
    private static final Schedule ONE = Schedule.constant(1);
    private static final Faithfulness FAITHFULNESS = new Faithfulness(ONE, false);
    private static final List<Stream> STREAMS =
            List.of(
                    new Stream(
                            new FeatureTask(WIDTH),
                            ROWS,
                            WeightDelta.STOCHASTIC,
                            List.of(
                                    new Reconstruction(
                                            ONE, new Masking.Stochastic(), new Routing.All(), 1),
                                    new Reconstruction(
                                            ONE,
                                            new Masking.Importance(),
                                            new Routing.EachAlone(),
                                            1))));

    private static List<ImportanceFunction> functions() {
        return List.of(new Mlp(2), new SharedMlp(3), new GlobalMlp(List.of(3)));
    }

    @Test
    void theSecondSiteHasNoFactorsOfItsOwnAndUsesTheFirstOnesTransposed() {
        Scopes.run(() -> {
            try (Problem problem = tied(new Mlp(2))) {
                Decomposition decomposition = problem.decomposition();
                assertThat(problem.parameters().views().keySet())
                        .contains("linear1.U", "linear1.V", "linear2.gate.hidden")
                        .doesNotContain("linear2.U", "linear2.V");
                Subcomponents first = decomposition.subcomponents(decomposition.site("linear1"));
                Subcomponents second = decomposition.subcomponents(decomposition.site("linear2"));
                same(second.V(), first.U().t());
                same(second.U(), first.V().t());
                same(second.W(), first.W().t());
                same(second.delta(), first.delta().t());
                second.V().zero_();
                assertThat(Tensors.toDoubles(first.U())).containsOnly(0);
            }
        });
    }

    @ParameterizedTest
    @MethodSource("functions")
    void gradientsOfBothUsesAdd(ImportanceFunction function) {
        Scopes.run(() -> {
            try (Problem tied = tied(function);
                    Problem untied = untied(tied, function)) {
                SortedMap<String, double[]> sums = new TreeMap<>();
                onGradients(untied, (name, gradient) -> sums.put(name, gradient));
                add(sums, "linear1.U", taken(sums, "linear2.V"), C);
                add(sums, "linear1.V", taken(sums, "linear2.U"), WIDTH);
                Differences differences = new Differences("tied sites", 1e-12, "spec S5");
                onGradients(
                        tied,
                        (name, gradient) -> differences.check(name, gradient, taken(sums, name)));
                assertThat(sums).isEmpty();
            }
        });
    }

    private static double[] taken(SortedMap<String, double[]> sums, String name) {
        return Objects.requireNonNull(sums.remove(name));
    }

    /// Adds the transpose of `other` to a gradient of `rows` rows.
    private static void add(
            SortedMap<String, double[]> sums, String name, double[] other, int rows) {
        double[] sum = Objects.requireNonNull(sums.get(name));
        int columns = sum.length / rows;
        for (int i = 0; i < sum.length; i++) {
            sum[i] += other[i % columns * rows + i / columns];
        }
    }

    @ParameterizedTest
    @MethodSource("functions")
    void gradientsAgreeWithFiniteDifferences(ImportanceFunction function) {
        FiniteDifferences differences = new FiniteDifferences();
        Scopes.run(() -> {
            try (Problem tied = tied(function);
                    Workers workers = new Workers(1);
                    StepRunner runner = runner(tied, workers)) {
                assertThat(
                                Toy.distanceToKinks(
                                        tied.decomposition(),
                                        new FeatureTask(WIDTH)
                                                .examples(SEED, Purpose.DATA, 0, ROWS)
                                                .batch()))
                        .isGreaterThan(1e-3);
                differences.check(tied, runner, "tied");
            }
        });
        differences.report("tied sites");
    }

    private static void onGradients(Problem problem, BiConsumer<String, double[]> action) {
        try (Workers workers = new Workers(1);
                StepRunner runner = runner(problem, workers)) {
            runner.run(0);
            runner.gradients().forEach(action);
        }
    }

    private static StepRunner runner(Problem problem, Workers workers) {
        return new StepRunner(problem, STREAMS, FAITHFULNESS, workers, 2, SEED, 1);
    }

    private static Problem tied(ImportanceFunction function) {
        Target target = LinearTarget.tied(weight());
        return Toy.problem(target, Toy.sites(target, C), function, Leak.PLAIN, SEED);
    }

    /// The same numbers with factors of its own for the second site.
    private static Problem untied(Problem tied, ImportanceFunction function) {
        Target target = LinearTarget.of(weight(), weight().t());
        SortedMap<String, Tensor> initial = new TreeMap<>(tied.parameters().views());
        initial.put("linear2.V", Tensors.named("linear1.U", initial).t());
        initial.put("linear2.U", Tensors.named("linear1.V", initial).t());
        return Problem.of(target, Toy.sites(target, C), function, Leak.PLAIN, initial);
    }

    private static Tensor weight() {
        return Draws.key(SEED, Purpose.INITIALISATION)
                .with("W")
                .normal(0.7, Type.DOUBLE, HIDDEN, WIDTH);
    }

    private static void same(Tensor actual, Tensor expected) {
        assertThat(actual.shape()).containsExactly(expected.shape());
        assertThat(Tensors.toDoubles(actual)).containsExactly(Tensors.toDoubles(expected));
    }
}
