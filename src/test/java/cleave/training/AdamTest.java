package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class AdamTest {
    /// The first update is by the rate against the sign of the gradient, as both moments are that
    /// gradient's (epsilon 0 to fifteen digits); weight decay takes rate times decay of the value.
    @Test
    void theFrontMovesAtItsOwnRate() {
        Scopes.run(() -> {
            Tensor values = Tensors.of(new double[] {1, 2, 3, 4}, Type.DOUBLE, 4);
            Tensor gradient = Tensors.of(new double[] {5, -6, 7, -8}, Type.DOUBLE, 4);
            try (Adam adam = new Adam(new Adam.Settings(0.9, 0.999, 1e-30, 0.5), values)) {
                adam.updateInPlace(values, gradient, 2, 0.01, 0.1);
            }
            assertThat(Tensors.toDoubles(values))
                    .containsExactly(
                            new double[] {
                                1 * (1 - 0.005) - 0.01,
                                2 * (1 - 0.005) + 0.01,
                                3 * (1 - 0.05) - 0.1,
                                4 * (1 - 0.05) + 0.1
                            },
                            Offset.offset(1e-14));
        });
    }
}
