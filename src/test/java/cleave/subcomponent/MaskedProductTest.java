package cleave.subcomponent;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tape;
import cleave.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The kernel against libtorch's graph in float64.
class MaskedProductTest {
    private static final Draws.Key KEY = Draws.key(11, Purpose.INITIALISATION);

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1, 1, 1", // less than a vector of everything
        "2, 5, 16, 12, 16",
        "3, 50, 20, 100, 33", // several tiles of rows, panels of each, and rests
        "9, 64, 48, 32, 5"
    })
    void valuesAndGradientsAreThoseOfLibtorch(int B, int T, int dIn, int C, int dOut) {
        Scopes.run(() -> {
            Leaves exact = new Leaves(ScalarType.Double, B, T, dIn, C, dOut);
            Tensor expected = exact.x().matmul(exact.V).mul(exact.mask()).matmul(exact.U);
            expected.mul(dy(ScalarType.Double, B, T, dOut)).sum().backward();

            Leaves leaves = new Leaves(ScalarType.Float, B, T, dIn, C, dOut);
            Tape tape = Tape.empty();
            Tensor y = MaskedProduct.on(tape, leaves.x(), leaves.V, leaves.mask(), leaves.U);
            tape.backward(y.mul(dy(ScalarType.Float, B, T, dOut)).sum());

            assertThat(distance(y, expected)).isLessThan(1e-6);
            assertThat(distance(leaves.V.grad(), exact.V.grad())).as("V").isLessThan(2e-6);
            assertThat(distance(leaves.U.grad(), exact.U.grad())).as("U").isLessThan(2e-6);
            assertThat(distance(leaves.g.grad(), exact.g.grad())).as("g").isLessThan(2e-6);
            assertThat(distance(leaves.a.grad(), exact.a.grad())).as("x").isLessThan(2e-6);
        });
    }

    /// Numbers behind x and the mask, and V and U.
    private static final class Leaves {
        private final Tensor a;
        private final Tensor g;
        private final Tensor V;
        private final Tensor U;

        Leaves(ScalarType type, int B, int T, int dIn, int C, int dOut) {
            a = leaf("a", type, B, T, dIn);
            g = leaf("g", type, B, T, C);
            V = leaf("V", type, dIn, C);
            U = leaf("U", type, C, dOut);
        }

        Tensor x() {
            return a.mul(a);
        }

        Tensor mask() {
            return g.mul(new Scalar(0.3)).add(new Scalar(0.5));
        }
    }

    private static Tensor leaf(String name, ScalarType type, long... shape) {
        Tensor leaf = KEY.with(name).normal(1, ScalarType.Float, shape).to(type).detach();
        leaf.requires_grad_(true);
        return leaf;
    }

    private static Tensor dy(ScalarType type, long... shape) {
        return KEY.with("dy").normal(1, ScalarType.Float, shape).to(type);
    }

    private static double distance(Tensor actual, Tensor expected) {
        double gap = Tensors.number(actual.to(ScalarType.Double).sub(expected).norm());
        return gap / Tensors.number(expected.norm());
    }

    @Test
    void whatHasNoGraphGetsNoGradient() {
        Scopes.run(() -> {
            Leaves leaves = new Leaves(ScalarType.Float, 2, 3, 4, 5, 6);
            Tensor x = leaves.a.detach();
            Tensor mask = leaves.g.detach();
            Tape tape = Tape.empty();
            Tensor y = MaskedProduct.on(tape, x, leaves.V, mask, leaves.U);
            tape.backward(y.sum());
            assertThat(x.grad().defined()).isFalse();
            assertThat(mask.grad().defined()).isFalse();
            assertThat(leaves.V.grad().defined()).isTrue();
        });
    }
}
