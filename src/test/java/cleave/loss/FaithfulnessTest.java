package cleave.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.VectorMlp;
import cleave.model.Target;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.LinearTarget;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class FaithfulnessTest {
    @Test
    void isTheMeanSquareOverAllNumbersOfAllSites() {
        Scopes.run(() -> {
            Decomposition decomposition = withoutSubcomponents();
            // (1 + 1 + 4 + 0 + 4 + 4 + 1) / 7
            assertThat(Tensors.number(Losses.faithfulness(decomposition, false)))
                    .isCloseTo(15.0 / 7, Offset.offset(1e-15));
        });
    }

    @Test
    void relativeToTheWeightsItIsOneWithoutSubcomponents() {
        Scopes.run(() ->
                assertThat(Tensors.number(Losses.faithfulness(withoutSubcomponents(), true)))
                        .isEqualTo(1));
    }

    @Test
    void isZeroWhenSubcomponentsSumToTheWeight() {
        Scopes.run(() -> {
            SortedMap<String, Tensor> exact = new TreeMap<>();
            // W of linear1 is (V U)^T with V the identity and U = W^T.
            exact.put("linear1.V", Tensors.of(new double[] {1, 0, 0, 1}, Type.DOUBLE, 2, 2));
            exact.put("linear1.U", Tensors.of(new double[] {1, 2, -1, 0}, Type.DOUBLE, 2, 2));
            exact.put("linear2.V", Tensors.of(new double[] {2, -2, 1}, Type.DOUBLE, 3, 1));
            exact.put("linear2.U", Tensors.of(new double[] {1}, Type.DOUBLE, 1, 1));
            Decomposition decomposition = withoutSubcomponents().on(exact);
            assertThat(Tensors.number(Losses.faithfulness(decomposition, false))).isZero();
            assertThat(Tensors.number(Losses.faithfulness(decomposition, true))).isZero();
        });
    }

    @Test
    void needsASite() {
        Scopes.run(() -> {
            Decomposition all = withoutSubcomponents();
            Decomposition none =
                    new Decomposition(
                            all.target(), List.of(), all.function(), all.leak(), all.tensors());
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> Losses.faithfulness(none, false))
                    .withMessage("at least one site must be decomposed");
        });
    }

    /// Two sites whose subcomponents are zero, so that the deltas are the weights.
    private static Decomposition withoutSubcomponents() {
        Target target =
                LinearTarget.of(
                        Tensors.of(new double[] {1, -1, 2, 0}, Type.DOUBLE, 2, 2),
                        Tensors.of(new double[] {2, -2, 1}, Type.DOUBLE, 1, 3));
        List<DecomposedSite> sites =
                List.of(
                        new DecomposedSite(target.site("linear1"), 2),
                        new DecomposedSite(target.site("linear2"), 1));
        SortedMap<String, Tensor> zeros = new TreeMap<>();
        zeros.put("linear1.V", Tensors.zeros(Type.DOUBLE, 2, 2));
        zeros.put("linear1.U", Tensors.zeros(Type.DOUBLE, 2, 2));
        zeros.put("linear2.V", Tensors.zeros(Type.DOUBLE, 3, 1));
        zeros.put("linear2.U", Tensors.zeros(Type.DOUBLE, 1, 1));
        return new Decomposition(target, sites, new VectorMlp(1), Leak.PLAIN, zeros);
    }
}
