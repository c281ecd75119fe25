package cleave.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import cleave.testing.NoLeaks;
import java.util.List;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@ExtendWith(NoLeaks.class)
class TensorTest {
    @Test
    void aWholeNumberKeepsWholeNumbersWhole() {
        Scopes.run(() -> {
            Tensor x = Tensor.create(3L, 5L);
            assertThat(x.mul(2).type()).isEqualTo(Type.LONG);
            assertThat(x.mul(2.5).type()).isEqualTo(Type.FLOAT);
            assertThat(Tensors.toLongs(x.add(x, 2))).containsExactly(9, 15);
            assertThat(Tensors.toLongs(Tensors.rsub(x, 1))).containsExactly(-2, -4);
        });
    }

    @Test
    void oneNumberThatIsNotFiniteIsFoundWhereverItLies() {
        Scopes.run(() -> {
            long count = (1 << 20) + 7;
            assertThat(Tensors.allFinite(Tensors.zeros(Type.FLOAT, 0))).isTrue();
            assertThat(Tensors.allFinite(Tensors.ones(Type.FLOAT, count))).isTrue();
            for (long at : new long[] {0, (1 << 20) - 1, 1 << 20, count - 1}) {
                Tensor x = Tensors.ones(Type.FLOAT, count);
                x.narrow(0, at, 1).mul_(Double.NaN);
                assertThat(Tensors.allFinite(x)).isFalse();
                x.narrow(0, at, 1).copy_(Tensors.ones(Type.FLOAT, 1).mul(-1e39));
                assertThat(Tensors.allFinite(x)).isFalse();
            }
        });
    }

    @ParameterizedTest
    @EnumSource(Type.class)
    void everyTypeIsFoundAgain(Type type) {
        Scopes.run(() -> assertThat(Tensors.zeros(type, 2).type()).isEqualTo(type));
    }

    @Test
    void aTypeWithoutANameIsRefused() {
        Scopes.run(() ->
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> Tensor.create((short) 1).type())
                        .withMessage(
                                "type of a tensor must be one of [Float, Double, Long, Bool, Byte, Int, Half, BFloat16], got Short"));
    }

    @Test
    void aTensorIsOnTheCpuUnlessADeviceIsNamed() {
        Scopes.run(() -> {
            assertThat(Tensors.zeros(Type.FLOAT, 2).device()).isEqualTo(Device.CPU);
            Tensor x = Tensors.ones(Device.CPU, Type.DOUBLE, 2).to(Device.CPU);
            assertThat(x.device()).hasToString("cpu");
            assertThat(x.type()).isEqualTo(Type.DOUBLE);
        });
        assertThat(Device.cuda(1)).hasToString("cuda:1");
        assertThatIllegalArgumentException().isThrownBy(() -> new Device(Device.Kind.CPU, 1));
    }

    @Test
    void aChangeInPlaceGivesTheTensorItself() {
        Scopes.run(() -> {
            Tensor x = Tensors.zeros(Type.DOUBLE, 2);
            assertThat(x.add_(1).mul_(3).clamp_(0, 2)).isSameAs(x);
            assertThat(Tensors.toDoubles(x)).containsExactly(2, 2);
        });
    }

    @Test
    void sumsMeansAndLargestGoOverAxes() {
        Scopes.run(() -> {
            Tensor x = Tensors.of(new double[] {1, 2, 3, 4, 5, 9}, Type.DOUBLE, 2, 3);
            assertThat(Tensors.toDoubles(x.sum(0))).containsExactly(5, 7, 12);
            assertThat(x.sum(new long[] {1}, true).shape()).containsExactly(2, 1);
            assertThat(x.sum(0, 1).item()).isEqualTo(24);
            assertThat(Tensors.toDoubles(x.mean(1))).containsExactly(2, 6);
            assertThat(Tensors.toDoubles(x.amax(1))).containsExactly(3, 9);
            assertThat(Tensors.toLongs(x.argmax(1))).containsExactly(2, 2);
        });
    }

    @Test
    void graphsAreRecordedUnlessTheyAreOff() {
        Scopes.run(() -> {
            Tensor x = Tensor.create(2.0).requires_grad_(true);
            try (var _ = Gradients.off()) {
                assertThat(x.mul(3).requires_grad()).isFalse();
                try (var _ = Gradients.on()) {
                    assertThat(Gradients.recording()).isTrue();
                }
                assertThat(Gradients.recording()).isFalse();
            }
            Tensors.backward(
                    List.of(x.mul(3), x.mul(x)), List.of(Tensor.create(1.0), Tensor.create(10.0)));
            assertThat(x.grad().item()).isEqualTo(43); // 3 + 10 * 2 x
            x.clearGrad();
            assertThat(x.grad().defined()).isFalse();
        });
    }

    @Test
    void aMatrixIsTheProductOfItsSingularParts() {
        Scopes.run(() -> {
            Tensor matrix = Tensors.of(new double[] {3, 0, 0, 0, 4, 0}, Type.DOUBLE, 2, 3);
            Tensors.Svd parts = Tensors.svd(matrix);
            assertThat(Tensors.toDoubles(parts.S())).containsExactly(4, 3);
            assertThat(Tensors.toDoubles(parts.U().mul(parts.S()).matmul(parts.V()).sub(matrix)))
                    .containsExactly(new double[6], Offset.offset(1e-12));
        });
    }

    @Test
    void eigenvaluesOfASymmetricMatrixRise() {
        Scopes.run(() -> {
            Tensor matrix = Tensors.of(new double[] {2, 1, 1, 2}, Type.DOUBLE, 2, 2);
            assertThat(Tensors.toDoubles(Tensors.eigen(matrix).values()))
                    .containsExactly(new double[] {1, 3}, Offset.offset(1e-12));
        });
    }

    @Test
    void anOpenScopeFreesWhatWasMadeInIt() {
        Tensor kept;
        try (Scopes.Scope _ = Scopes.open()) {
            kept = Scopes.own(Tensors.ones(Type.FLOAT, 3).mul(2));
        }
        assertThat(Tensors.toDoubles(kept)).containsExactly(2, 2, 2);
        Scopes.release(kept);
    }
}
