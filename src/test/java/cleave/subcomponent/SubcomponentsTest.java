package cleave.subcomponent;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.engine.Products;
import cleave.model.Site;
import cleave.subcomponent.Subcomponents.Initial;
import cleave.subcomponent.Subcomponents.Start;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Differences;
import cleave.testing.Golden;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

class SubcomponentsTest {
    private static final JsonNode GOLDEN = Golden.read("draws.json").get("initialisation");

    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.EXCLUDE,
            names = {"INPUTS", "DIRECTIONS", "SINGULAR"})
    void initialValuesAgreeWithTheReference(Start start) {
        JsonNode expected =
                GOLDEN.get(
                        switch (start) {
                            case ALIGNED -> "aligned";
                            case KAIMING -> "kaiming";
                            case INPUTS, DIRECTIONS, SINGULAR -> throw new AssertionError();
                        });
        Differences differences = Golden.differences("draws.json " + start);
        Scopes.run(() -> {
            Tensor W = Golden.tensor(GOLDEN.get("W"));
            long[] shape = Golden.shape(expected.get("V"));
            Site site = site(GOLDEN.get("site").asString(), W);
            Initial initial =
                    Subcomponents.initial(
                            site, W, (int) shape[1], start, GOLDEN.get("seed").asLong());
            assertThat(initial.V().shape()).containsExactly(shape);
            assertThat(initial.U().shape()).containsExactly(Golden.shape(expected.get("U")));
            differences.check("V", initial.V(), Golden.numbers(expected.get("V")));
            differences.check("U", initial.U(), Golden.numbers(expected.get("U")));
        });
        differences.report();
    }

    @Test
    void aligningGivesEachSubcomponentTheWeightsOwnShareOfItsDirection() {
        Scopes.run(() -> {
            Tensor W = Tensors.of(new double[] {3, 0, 0, 5}, Type.DOUBLE, 2, 2);
            Initial initial = Subcomponents.initial(site("Q0", W), W, 4, Start.ALIGNED, 1);
            double[] V = Tensors.toDoubles(initial.V());
            double[] U = Tensors.toDoubles(initial.U());
            for (int c = 0; c < 4; c++) {
                double v0 = V[c];
                double v1 = V[4 + c];
                double size = Math.hypot(U[2 * c], U[2 * c + 1]);
                assertThat(Math.hypot(v0, v1)).isCloseTo(1, Offset.offset(1e-14));
                // u . (W v) = |U_c| up to sign, with u the direction of U_c.
                double overlap = (U[2 * c] * 3 * v0 + U[2 * c + 1] * 5 * v1) / size;
                assertThat(Math.abs(overlap)).isCloseTo(size, Offset.offset(1e-14));
            }
        });
    }

    @Test
    void theDeltaIsWhatTheSubcomponentsLeave() {
        Scopes.run(() -> {
            // V U = [[1], [2]] [[3, 4, 5]] = [[3, 4, 5], [6, 8, 10]]
            Tensor V = Tensors.of(new double[] {1, 2}, Type.DOUBLE, 2, 1);
            Tensor U = Tensors.of(new double[] {3, 4, 5}, Type.DOUBLE, 1, 3);
            Tensor W = Tensors.of(new double[] {4, 6, 4, 9, 5, 8}, Type.DOUBLE, 3, 2);
            Subcomponents subcomponents = new Subcomponents(site("Q0", W), W, V, U);
            assertThat(subcomponents.count()).isEqualTo(1);
            assertThat(Tensors.toDoubles(subcomponents.delta())).containsExactly(1, 0, 0, 1, 0, -2);
            // sqrt(1 + 4) sqrt(9 + 16 + 25)
            assertThat(Tensors.toDoubles(subcomponents.norms()))
                    .containsExactly(new double[] {Math.sqrt(250)}, Offset.offset(1e-13));
        });
    }

    @Test
    void theDeltaIsTheWeightWhereSubcomponentsAreZero() {
        Scopes.run(() -> {
            Tensor W = Tensors.of(new double[] {4, 6, 4, 9, 5, 8}, Type.DOUBLE, 3, 2);
            Subcomponents zero =
                    new Subcomponents(
                            site("Q0", W),
                            W,
                            Tensors.zeros(Type.DOUBLE, 2, 7),
                            Tensors.zeros(Type.DOUBLE, 7, 3));
            assertThat(Tensors.toDoubles(zero.delta())).containsExactly(Tensors.toDoubles(W));
        });
    }

    @Test
    void aMaskedSiteAddsWhatItsMasksLetThrough() {
        Scopes.run(() -> {
            // One input x = (1, 2), V = I, U = [[1, 10], [100, 1000]], W = 0.
            Tensor x = Tensors.of(new double[] {1, 2}, Type.DOUBLE, 1, 1, 2);
            Tensor V = Tensors.of(new double[] {1, 0, 0, 1}, Type.DOUBLE, 2, 2);
            Tensor U = Tensors.of(new double[] {1, 10, 100, 1000}, Type.DOUBLE, 2, 2);
            Tensor W = Tensors.of(new double[] {7, 0, 0, 7}, Type.DOUBLE, 2, 2);
            Subcomponents subcomponents = new Subcomponents(site("Q0", W), W, V, U);
            Tensor mask = Tensors.of(new double[] {0.5, 0.25}, Type.DOUBLE, 1, 1, 2);
            // 0.5 * 1 * (1, 10) + 0.25 * 2 * (100, 1000)
            assertThat(Tensors.toDoubles(new MaskedSite(subcomponents, mask).output(x, W, null)))
                    .containsExactly(50.5, 505);
            // plus half of x W^T - x V U = (7, 14) - (201, 2010)
            Tensor half = Tensors.of(new double[] {0.5}, Type.DOUBLE, 1, 1);
            assertThat(
                            Tensors.toDoubles(
                                    new MaskedSite(
                                                    Products.EXACT,
                                                    subcomponents,
                                                    new MaskedSubcomponents.Recorded(
                                                            Products.EXACT, subcomponents, mask),
                                                    MaskedSite.DeltaShare.of(half),
                                                    null,
                                                    null)
                                            .output(x, W, null)))
                    .containsExactly(50.5 - 97, 505 - 998);
            // plus a quarter of x R^T = (4, 8), R = [[0, 2], [8, 0]]
            Tensor R = Tensors.of(new double[] {0, 2, 8, 0}, Type.DOUBLE, 2, 2);
            Tensor quarter = Tensors.of(new double[] {0.25}, Type.DOUBLE, 1, 1);
            Subcomponents merged = new Subcomponents(site("Q0", W), W, V, U, R);
            assertThat(
                            Tensors.toDoubles(
                                    new MaskedSite(
                                                    Products.EXACT,
                                                    merged,
                                                    new MaskedSubcomponents.Recorded(
                                                            Products.EXACT, merged, mask),
                                                    MaskedSite.DeltaShare.NONE,
                                                    quarter,
                                                    null)
                                            .output(x, W, null)))
                    .containsExactly(50.5 + 1, 505 + 2);
            assertThat(Tensors.toDoubles(new MaskedSite(merged, mask).output(x, W, null)))
                    .containsExactly(50.5, 505);
            Tensor nowhere = Tensors.of(new boolean[] {false}, 1, 1);
            assertThat(
                            Tensors.toDoubles(
                                    new MaskedSite(
                                                    Products.EXACT,
                                                    subcomponents,
                                                    new MaskedSubcomponents.Recorded(
                                                            Products.EXACT, subcomponents, mask),
                                                    MaskedSite.DeltaShare.NONE,
                                                    null,
                                                    nowhere)
                                            .output(x, W, null)))
                    .containsExactly(7, 14);
        });
    }

    static Site site(String name, Tensor W) {
        return Site.whole(name, 0, "weight", W.size(1), W.size(0));
    }
}
