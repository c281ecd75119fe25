package cleave.study.toys;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.Golden;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class FeatureRecoveryTest {
    private static final Offset<Double> ROUNDING = Offset.offset(1e-12);

    // W has columns (1, 0) and (0, 2). Subcomponent 0 gives (1, 0) to feature 0 and nothing to 1;
    // subcomponent 1 gives (0, 0) to feature 0 and (0, 1) to feature 1: half of its length.
    private static final double[][] W = {{1, 0}, {0, 2}};
    private static final double[][] V = {{1, 0}, {0, 0.5}};
    private static final double[][] U = {{1, 0}, {0, 2}};

    @Test
    void directionsCountByCosineAndSizesByRatio() {
        FeatureRecovery all = FeatureRecovery.of(V, U, W, _ -> true);
        assertThat(all.mmcs()).isEqualTo(1);
        assertThat(all.ml2r()).isEqualTo(0.75);
    }

    @Test
    void onlyKeptSubcomponentsCount() {
        // Subcomponent 0 has no part in feature 1: cosine 0, ratio 0.
        FeatureRecovery first = FeatureRecovery.of(V, U, W, c -> c == 0);
        assertThat(first.mmcs()).isEqualTo(0.5);
        assertThat(first.ml2r()).isEqualTo(0.5);
        assertThat(FeatureRecovery.of(V, U, W, _ -> false).mmcs()).isNaN();
    }

    @Test
    void aPartThatPointsBackIsNotADirectionFound() {
        double[][] back = {{-1, 0}, {0, 0.5}};
        assertThat(FeatureRecovery.of(back, U, W, c -> c == 0).mmcs()).isEqualTo(-0.5);
    }

    @Test
    void sizesAddUpTheColumns() {
        assertThat(FeatureRecovery.sizes(V, U)).containsExactly(1, 1);
    }

    @Test
    void randomMatricesGiveTheNumbersOfNumpy() {
        JsonNode golden = Golden.read("toys.json").get("recovery");
        double[][] v = matrix(golden.get("V"));
        double[][] u = matrix(golden.get("U"));
        double[][] w = matrix(golden.get("W"));
        double[] sizes = FeatureRecovery.sizes(v, u);
        assertThat(sizes).containsExactly(Golden.numbers(golden.get("sizes")), ROUNDING);
        double cut = golden.get("cut").asDouble();
        check(FeatureRecovery.of(v, u, w, _ -> true), golden.get("of_all"));
        check(FeatureRecovery.of(v, u, w, c -> sizes[c] >= cut), golden.get("of_large"));
    }

    private static void check(FeatureRecovery found, JsonNode expected) {
        assertThat(found.mmcs()).isCloseTo(expected.get(0).asDouble(), ROUNDING);
        assertThat(found.ml2r()).isCloseTo(expected.get(1).asDouble(), ROUNDING);
    }

    private static double[][] matrix(JsonNode golden) {
        double[] all = Golden.numbers(golden);
        int columns = (int) Golden.shape(golden)[1];
        double[][] rows = new double[all.length / columns][];
        Arrays.setAll(rows, i -> Arrays.copyOfRange(all, i * columns, (i + 1) * columns));
        return rows;
    }

    @Test
    void theSubcomponentWithTheLargestNeuronStandsForAFeature() {
        // Contributions are writes * U * part: (2, -1), (3, 0.5) and (-8, -4).
        double[][] neurons = {{2, 1}, {3, -0.5}, {4, -2}};
        assertThat(
                        NeuronContributions.largest(
                                new double[] {1, -1}, new double[] {1, 1, -2}, neurons))
                .containsExactly(3, 0.5);
    }

    @Test
    void correlationIsPearsons() {
        // Deviations (-1, 0, 1) and (-1, 1, 0): 1 / 2.
        assertThat(NeuronContributions.correlation(List.of(1.0, 2.0, 3.0), List.of(4.0, 6.0, 5.0)))
                .isCloseTo(0.5, ROUNDING);
    }

    @Test
    void columnsAreOrderedAlongTheDiagonalOrByTheirSums() {
        double[][] g = {{0, 0.2, 1, 0}, {0.9, 0.3, 0, 0}};
        assertThat(ImportanceError.order(g, true)).containsExactly(2, 0, 1, 3);
        assertThat(ImportanceError.order(new double[][] {{0.1, 0.5, 0.3}}, false))
                .containsExactly(1, 2, 0);
    }
}
