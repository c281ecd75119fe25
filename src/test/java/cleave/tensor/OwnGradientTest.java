package cleave.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class OwnGradientTest {

    private static Tensor leaf(double... values) {
        Tensor leaf = Tensors.of(values, Type.DOUBLE, values.length, 1);
        return leaf.requires_grad_(true);
    }

    @Test
    void theResultIsWhatWasComputedAndItsWayBackTheGivenOne() {
        Scopes.run(() -> {
            Tensor a = leaf(2, 3);
            Tensor x = a.mul(10);
            Tensor result = Tensors.of(new double[] {0.1, 0.2}, Type.DOUBLE, 2, 1);
            Tensor y = OwnGradient.of(List.of(x), result, dy -> List.of(dy.mul(-1)));
            assertThat(Tensors.toDoubles(y)).containsExactly(0.1, 0.2);
            y.mul(Tensors.of(new double[] {1, 5}, Type.DOUBLE, 2, 1)).sum().backward();
            assertThat(Tensors.toDoubles(a.grad())).containsExactly(-10, -50);
        });
    }

    @Test
    void operandsAreGivenTheirOwnGradientsByOneCall() {
        Scopes.run(() -> {
            AtomicInteger calls = new AtomicInteger();
            Tensor a = leaf(2, 3);
            Tensor larger = leaf(5, 7, 11);
            Tensor none = leaf(1, 1).detach();
            Tensor y =
                    OwnGradient.of(
                            List.of(a, none, larger),
                            Tensors.of(new double[] {1, 2}, Type.DOUBLE, 2, 1),
                            dy -> {
                                calls.incrementAndGet();
                                return List.of(
                                        dy.mul(2),
                                        dy,
                                        Tensors.of(new double[] {20, 30, 40}, Type.DOUBLE, 3, 1));
                            });
            y.add(y).sum().backward(); // both uses add up before the way back
            assertThat(Tensors.toDoubles(a.grad())).containsExactly(4, 4);
            assertThat(Tensors.toDoubles(larger.grad())).containsExactly(20, 30, 40);
            assertThat(none.grad().defined()).isFalse();
            assertThat(calls).hasValue(1);
        });
    }

    /// Of `y = 3 x`, and of `y1` and `y2` one after the other in one graph.
    @Test
    void theSameGraphMayBeDifferentiatedAgain() {
        Scopes.run(() -> {
            Tensor x = leaf(2, 5);
            Tensor y =
                    OwnGradient.of(
                            List.of(x),
                            Tensors.of(new double[] {6, 15}, Type.DOUBLE, 2, 1),
                            dy -> List.of(dy.mul(3)));
            for (int row = 0; row < 2; row++) {
                Tensor number = y.narrow(0, row, 1).sum();
                Scopes.run(() -> {
                    double[] found =
                            Tensors.toDoubles(Tensors.gradients(number, List.of(x)).getFirst());
                    assertThat(found)
                            .containsExactly(
                                    number.item() == 6 ? 3 : 0, number.item() == 6 ? 0 : 3);
                });
            }
        });
    }

    @Test
    void anOperandMayBeSmallerThanTheResult() {
        Scopes.run(() -> {
            AtomicInteger calls = new AtomicInteger();
            Tensor a = leaf(2, 3);
            Tensor large = leaf(5, 7, 11);
            Tensor y =
                    OwnGradient.of(
                            List.of(a.mul(10), large),
                            Tensors.of(new double[] {1, 2, 3}, Type.DOUBLE, 3, 1),
                            dy -> {
                                calls.incrementAndGet();
                                double[] d = Tensors.toDoubles(dy);
                                return List.of(
                                        Tensors.of(
                                                new double[] {d[0] + d[1], d[2]},
                                                Type.DOUBLE,
                                                2,
                                                1),
                                        dy.mul(-1));
                            });
            assertThat(Tensors.toDoubles(y)).containsExactly(1, 2, 3);
            y.mul(y).sum().backward();
            assertThat(Tensors.toDoubles(a.grad())).containsExactly(60, 60);
            assertThat(Tensors.toDoubles(large.grad())).containsExactly(-2, -4, -6);
            assertThat(calls).hasValue(1);
        });
    }

    @Test
    void withoutAGraphTheWayBackIsStillGone() {
        Scopes.run(() -> {
            double[] seen = new double[2];
            Tensor y =
                    OwnGradient.of(
                            List.of(leaf(1, 2).detach()),
                            Tensors.of(new double[] {1, 2}, Type.DOUBLE, 2, 1),
                            dy -> {
                                System.arraycopy(Tensors.toDoubles(dy), 0, seen, 0, 2);
                                return List.of(dy);
                            });
            y.mul(y).sum().backward();
            assertThat(seen).containsExactly(2, 4);
        });
    }
}
