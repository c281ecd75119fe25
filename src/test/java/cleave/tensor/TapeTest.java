package cleave.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;

class TapeTest {
    private static Tensor leaf(double value) {
        Tensor leaf = Tensors.of(new double[] {value}, ScalarType.Double, 1);
        leaf.requires_grad_(true);
        return leaf;
    }

    /// The cube of x, as an operation of the tape.
    private static Tensor cube(Tape tape, Tensor x) {
        Tensor value = Scopes.withoutGradient(() -> x.mul(x).mul(x));
        return tape.result(
                value,
                dy ->
                        Tensors.backward(
                                x,
                                Scopes.withoutGradient(() -> dy.mul(x).mul(x).mul(new Scalar(3)))),
                x);
    }

    @Test
    void gradientsGoOnThroughOperationsAndLibtorchsGraphInTurn() {
        Scopes.run(() -> {
            Tensor x = leaf(2);
            Tape tape = Tape.empty();
            Tensor y = cube(tape, x.mul(new Scalar(5))).add(x); // (5 x)^3 + x
            Tensor z = cube(tape, y.mul(y)); // ((125 x^3 + x)^2)^3
            tape.backward(z.sum());
            // by hand: y = 1002, 6 y^5 (375 x^2 + 1)
            assertThat(Tensors.number(x.grad())).isEqualTo(6 * Math.pow(1002, 5) * 1501);
        });
    }

    @Test
    void whatSeveralReadIsGoneThroughOnceWhenCut() {
        Scopes.run(() -> {
            Tensor x = leaf(3);
            Tape tape = Tape.empty();
            Tensor e = tape.cut(x.exp()); // keeps its result for its way back, once
            tape.backward(cube(tape, e).add(cube(tape, e)).add(e).sum());
            double exp = Math.exp(3);
            assertThat(Tensors.number(x.grad()))
                    .isCloseTo(
                            (6 * exp * exp + 1) * exp,
                            org.assertj.core.data.Percentage.withPercentage(1e-10));
        });
    }

    @Test
    void anOperationWithoutEffectIsNotDifferentiated() {
        Scopes.run(() -> {
            Tensor x = leaf(3);
            List<String> called = new ArrayList<>();
            Tape tape = Tape.empty();
            tape.result(x, _ -> called.add("unused"), x);
            tape.backward(x.mul(x).sum());
            assertThat(called).isEmpty();
            assertThat(Tensors.number(x.grad())).isEqualTo(6);
        });
    }

    @Test
    void nothingIsRecordedWithoutGradientsOrByTheTapeOfNone() {
        Scopes.run(() -> {
            Tensor x = leaf(3);
            assertThat(Tape.NONE.records()).isFalse();
            assertThat(Scopes.<Boolean>withoutGradient(() -> Tape.empty().records())).isFalse();
            Tensor y = x.mul(x);
            assertThat(Tape.NONE.cut(y)).isSameAs(y);
            assertThatThrownBy(() -> Tape.NONE.result(y, _ -> {}))
                    .isInstanceOf(IllegalStateException.class);
        });
    }
}
