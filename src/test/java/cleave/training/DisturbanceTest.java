package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.model.Replacement;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Arrays;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class DisturbanceTest {
    private static final Draws.Key STEP = Draws.key(3, Draws.Purpose.DISTURBANCE).with(7);

    @Test
    void aPositionIsDroppedWholeWhereItsNumberIsBelowTheShare() {
        Scopes.run(() -> {
            Replacement map = new Disturbance("Q0", 0.5, 0).of("Q0", STEP, 20, 2, 6);
            // W = identity, x = 1 everywhere.
            double[] outputs = Tensors.toDoubles(map.output(ones(2, 6), identity(), null));
            for (int row = 0; row < 2; row++) {
                Draws.Key key = STEP.with(20 + row).with("Q0").with("dropped");
                for (int t = 0; t < 6; t++) {
                    double expected = key.uniform(t) < 0.5 ? 0 : 1;
                    assertThat(Arrays.copyOfRange(outputs, row * 12 + 2 * t, row * 12 + 2 * t + 2))
                            .containsExactly(expected, expected);
                }
            }
            assertThat(outputs).contains(0.0).contains(1.0);
        });
    }

    @Test
    void noiseIsUniformWithinItsBound() {
        Scopes.run(() -> {
            Replacement map = new Disturbance("O0", 0, 0.25).of("O0", STEP, 0, 50, 100);
            double[] noise =
                    Tensors.toDoubles(
                            map.output(ones(50, 100), identity(), null).sub(ones(50, 100)));
            assertThat(Arrays.stream(noise).map(Math::abs).max().orElse(0)).isBetween(0.2499, 0.25);
            double squares = Arrays.stream(noise).map(x -> x * x).average().orElse(0);
            // The variance of a uniform number within b is b^2 / 3.
            assertThat(squares).isCloseTo(0.25 * 0.25 / 3, Offset.offset(0.0005));
        });
    }

    @Test
    void whereSomePositionsAreNeededTheyAreDisturbedAsInAPassOfAll() {
        Scopes.run(() -> {
            Replacement map = new Disturbance("Q1", 0.5, 0.25).of("Q1", STEP, 4, 2, 6);
            Tensor positions = Tensors.of(new long[] {5, 2}, 2, 1);
            double[] all = Tensors.toDoubles(map.output(ones(2, 6), identity(), null));
            assertThat(Tensors.toDoubles(map.output(ones(2, 1), identity(), positions)))
                    .containsExactly(all[10], all[11], all[12 + 4], all[12 + 5]);
        });
    }

    private static Tensor ones(int rows, int length) {
        double[] ones = new double[rows * length * 2];
        Arrays.fill(ones, 1);
        return Tensors.of(ones, Type.DOUBLE, rows, length, 2);
    }

    private static Tensor identity() {
        return Tensors.of(new double[] {1, 0, 0, 1}, Type.DOUBLE, 2, 2);
    }
}
