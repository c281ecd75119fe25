package cleave.subcomponent;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.model.Site;
import cleave.subcomponent.Subcomponents.Initial;
import cleave.subcomponent.Subcomponents.Start;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class DirectionStartTest {
    private static final Offset<Double> CLOSE = Offset.offset(1e-12);

    /// By hand: the inputs (3, 4, 0), twice, and (-0.8, 0.6, 0) lie at right angles, with squares
    /// that sum to 50 and 1. The first direction is (0.6, 0.8, 0); the second's mean is positive
    /// along (-0.8, 0.6, 0).
    @Test
    void subcomponentsReadTheInputsDirectionsAndWriteWhatTheWeightMakesOfThem() {
        Scopes.run(() -> {
            Tensor inputs =
                    Tensors.of(new double[] {3, 4, 0, -0.8, 0.6, 0, 3, 4, 0}, Type.DOUBLE, 3, 3);
            Tensor W = Tensors.of(new double[] {1, 2, 3, 0, 5, -1}, Type.DOUBLE, 2, 3);
            Initial initial = DirectionStart.at(SubcomponentsTest.site("Q0", W), W, inputs, 2, 1);
            assertThat(Tensors.toDoubles(initial.V().t()))
                    .containsExactly(new double[] {0.6, 0.8, 0, -0.8, 0.6, 0}, CLOSE);
            assertThat(Tensors.toDoubles(initial.U()))
                    .containsExactly(new double[] {2.2, 4, 0.4, 3}, CLOSE);
        });
    }

    @Test
    void whereInputsHaveFewerDirectionsTheRestStartsAligned() {
        Scopes.run(() -> {
            Tensor inputs = Tensors.of(new double[] {0, 0, 2, 0, 0, 1}, Type.DOUBLE, 2, 3);
            Tensor W = Tensors.of(new double[] {1, 2, 3, 0, 5, -1}, Type.DOUBLE, 2, 3);
            Site site = SubcomponentsTest.site("Q0", W);
            Initial initial = DirectionStart.at(site, W, inputs, 3, 7);
            Initial aligned = Subcomponents.initial(site, W, 3, Start.ALIGNED, 7);
            assertThat(Tensors.toDoubles(initial.V().select(1, 0)))
                    .containsExactly(new double[] {0, 0, 1}, CLOSE);
            assertThat(Tensors.toDoubles(initial.V().narrow(1, 1, 2)))
                    .isEqualTo(Tensors.toDoubles(aligned.V().narrow(1, 1, 2)));
            assertThat(Tensors.toDoubles(initial.U().narrow(0, 1, 2)))
                    .isEqualTo(Tensors.toDoubles(aligned.U().narrow(0, 1, 2)));
        });
    }
}
