package cleave.study.toys;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.Mlp;
import cleave.model.SparseFeatures;
import cleave.model.SparseFeatures.Answer;
import cleave.model.Tms;
import cleave.study.toys.ToyFigures.SiteFigures;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/// A solution written by hand: two features in two dimensions, W the identity, and three
/// subcomponents, the third of size 0.01.
class ToyFiguresTest {
    private static final SparseFeatures TASK =
            new SparseFeatures("evaluation", 2, 0, 0.25, Answer.SIZE);

    @Test
    void aHandMadeSolutionIsFoundLive() {
        // The third subcomponent reads feature 0 like the first, but is too small.
        ToyFigures figures = figures(0.01);

        SiteFigures first = Objects.requireNonNull(figures.sites().get("linear1"));
        assertThat(first.importances()).isDeepEqualTo(new double[][] {{1, 0, 1}, {0, 1, 0}});
        assertThat(first.sizes()).containsExactly(new double[] {1, 1, 0.01}, Offset.offset(1e-9));
        assertThat(first.live()).isEqualTo(2);
        assertThat(first.error()).isEqualTo(1); // the third fires beside the diagonal
        assertThat(figures.recovery()).isEqualTo(new FeatureRecovery(1, 1));
        assertThat(figures.answered()).isEqualTo(2);
        // Half a feature is active on average; feature 0 makes two subcomponents fire.
        assertThat(first.l0()).isCloseTo(0.75, Offset.offset(0.02));
        assertThat(figures.numbers())
                .containsEntry("live.linear1", 2.0)
                .containsEntry("mmcs", 1.0)
                .doesNotContainKey("contributions");
    }

    @Test
    void aThirdSubcomponentAboveTheCutIsLive() {
        ToyFigures figures = figures(0.02);
        assertThat(figures.numbers()).containsEntry("live.linear1", 3.0);
    }

    private static ToyFigures figures(double third) {
        return Scopes.run(() -> {
            try (Tms target = new Tms(new Tms.Shape(2, 2, 0), weights(), () -> {})) {
                Decomposition decomposition =
                        new Decomposition(
                                target,
                                target.sites().stream()
                                        .map(site -> new DecomposedSite(site, 3))
                                        .toList(),
                                new Mlp(1),
                                Leak.PLAIN,
                                parameters(third));
                return ToyFigures.of(
                        decomposition, TASK, ToySolution.of(target, Map.of("linear2", 0.5)));
            }
        });
    }

    private static SortedMap<String, Tensor> weights() {
        return new TreeMap<>(
                Map.of("linear1", numbers(2, 1, 0, 0, 1), "bias", Tensors.zeros(Type.DOUBLE, 2)));
    }

    /// Gates `gelu(100 |reads|)`, which is 0 or above 1.
    private static SortedMap<String, Tensor> parameters(double third) {
        SortedMap<String, Tensor> parameters = new TreeMap<>();
        parameters.put("linear1.V", numbers(2, 1, 0, 1, 0, 1, 0)); // [2, 3]
        parameters.put("linear1.U", numbers(3, 1, 0, 0, 1, third, 0)); // [3, 2]
        for (String site : new String[] {"linear1", "linear2"}) {
            parameters.put(site + ".gate.hidden", numbers(3, 100, 100, 100));
            parameters.put(site + ".gate.hidden_bias", numbers(3, 0, 0, 0));
            parameters.put(site + ".gate.output", numbers(3, 1, 1, 1));
            parameters.put(site + ".gate.output_bias", Tensors.zeros(Type.DOUBLE, 3));
        }
        return parameters;
    }

    private static Tensor numbers(long rows, double... values) {
        return Tensors.of(values, Type.DOUBLE, rows, values.length / rows);
    }

    @Test
    void aCutOfAnUnknownSiteIsRefused() {
        Scopes.run(() -> {
            try (Tms target = new Tms(new Tms.Shape(2, 2, 0), weights(), () -> {})) {
                assertThatExceptionOfType(UserError.class)
                        .isThrownBy(() -> ToySolution.of(target, Map.of("linear3", 0.5)))
                        .withMessageContaining(
                                "site must be one of [linear1, linear2], got linear3");
            }
        });
    }
}
