package cleave.subcomponent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cleave.model.Site;
import cleave.subcomponent.Subcomponents.Initial;
import cleave.subcomponent.Subcomponents.Start;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Differences;
import cleave.testing.Golden;
import java.util.Arrays;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class InputStartTest {
    private static final JsonNode GOLDEN = Golden.read("draws.json").get("initialisation");

    /// The first has more directions than subcomponents and a zero among them, the second fewer.
    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void valuesAgreeWithTheReference(int which) {
        JsonNode expected = GOLDEN.get("inputs").get(which);
        Differences differences = Golden.differences("draws.json inputs " + which);
        Scopes.run(() -> {
            Tensor W = Golden.tensor(GOLDEN.get("W"));
            Site site = SubcomponentsTest.site(GOLDEN.get("site").asString(), W);
            Initial initial =
                    InputStart.at(
                            site,
                            W,
                            Golden.tensor(expected.get("X")),
                            (int) Golden.shape(expected.get("V"))[1],
                            GOLDEN.get("seed").asLong());
            differences.check("V", initial.V(), Golden.numbers(expected.get("V")));
            differences.check("U", initial.U(), Golden.numbers(expected.get("U")));
        });
        differences.report();
    }

    @Test
    void ofInputsAtRightAnglesEachHasOneSubcomponentAndTheirSumIsTheWeight() {
        Scopes.run(() -> {
            // Right angles, lengths 2 and 10 (each twice): M^-1 x / (x^T M^-1 x) = x / |x|^2,
            // whatever is added to the diagonal of M, as x is an eigenvector.
            Tensor inputs =
                    Tensors.of(new double[] {1.2, 1.6, -8, 6, 1.2, 1.6, -8, 6}, Type.DOUBLE, 4, 2);
            Tensor W = Tensors.of(new double[] {3, 1, 0, 5, 2, 2}, Type.DOUBLE, 3, 2);
            Initial initial = InputStart.at(SubcomponentsTest.site("Q0", W), W, inputs, 2, 1);
            assertThat(Tensors.toDoubles(initial.V().matmul(initial.U()).t()))
                    .containsExactly(Tensors.toDoubles(W), Offset.offset(1e-12));
            double[] read = Tensors.toDoubles(inputs.matmul(initial.V()));
            for (int input = 0; input < 4; input++) {
                int own = Math.abs(read[2 * input]) > Math.abs(read[2 * input + 1]) ? 0 : 1;
                assertThat(read[2 * input + 1 - own]).isCloseTo(0, Offset.offset(1e-12));
                // Alone it writes what W writes.
                Tensor alone =
                        initial.U()
                                .select(0, own)
                                .mul(
                                        Tensors.of(
                                                new double[] {read[2 * input + own]},
                                                Type.DOUBLE,
                                                1));
                assertThat(Tensors.toDoubles(alone))
                        .containsExactly(
                                Tensors.toDoubles(inputs.select(0, input).matmul(W.t())),
                                Offset.offset(1e-12));
            }
        });
    }

    @Test
    void withoutAnInputAllStartAligned() {
        Scopes.run(() -> {
            Tensor W = Golden.tensor(GOLDEN.get("W"));
            Site site = SubcomponentsTest.site("V0", W);
            Tensor none = Tensors.zeros(Type.DOUBLE, 3, W.size(1));
            Initial initial = InputStart.at(site, W, none, 5, 7);
            Initial aligned = Subcomponents.initial(site, W, 5, Start.ALIGNED, 7);
            assertThat(Tensors.toDoubles(initial.V()))
                    .containsExactly(Tensors.toDoubles(aligned.V()));
            assertThat(Tensors.toDoubles(initial.U()))
                    .containsExactly(Tensors.toDoubles(aligned.U()));
        });
    }

    @Test
    void whereTheWeightMakesNothingOfAnInputItsSubcomponentWritesNothing() {
        Scopes.run(() -> {
            Tensor W = Tensors.zeros(Type.DOUBLE, 3, 2);
            Tensor inputs = Tensors.of(new double[] {1, 0, 0, 1}, Type.DOUBLE, 2, 2);
            Initial initial = InputStart.at(SubcomponentsTest.site("Q0", W), W, inputs, 2, 1);
            assertThat(Tensors.toDoubles(initial.U())).containsOnly(0);
            assertThat(Arrays.stream(Tensors.toDoubles(initial.V()))).allMatch(Double::isFinite);
        });
    }

    @Test
    void drawingWithoutInputsIsRefused() {
        Scopes.run(() -> {
            Tensor W = Golden.tensor(GOLDEN.get("W"));
            Site site = SubcomponentsTest.site("V0", W);
            assertThatThrownBy(() -> Subcomponents.initial(site, W, 5, Start.INPUTS, 7))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("got INPUTS");
        });
    }
}
