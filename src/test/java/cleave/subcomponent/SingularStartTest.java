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

class SingularStartTest {
    private static final Offset<Double> CLOSE = Offset.offset(1e-12);

    /// By hand: `W = 10 (0, 1) (-0.6, -0.8, 0)^T + 3 (1, 0) (0.8, -0.6, 0)^T`. The largest entry of
    /// the first direction, -0.8, becomes positive, and so its U turns too.
    private static Tensor weight() {
        return Tensors.of(new double[] {2.4, -1.8, 0, -6, -8, 0}, Type.DOUBLE, 2, 3);
    }

    @Test
    void subcomponentsReadTheWeightsDirectionsLargestFirst() {
        Scopes.run(() -> {
            Tensor W = weight();
            Initial initial = SingularStart.at(SubcomponentsTest.site("Q0", W), W, 2, 1);
            assertThat(Tensors.toDoubles(initial.V().t()))
                    .containsExactly(new double[] {0.6, 0.8, 0, 0.8, -0.6, 0}, CLOSE);
            assertThat(Tensors.toDoubles(initial.U()))
                    .containsExactly(new double[] {0, -10, 3, 0}, CLOSE);
            assertThat(Tensors.toDoubles(initial.V().matmul(initial.U()).t()))
                    .containsExactly(Tensors.toDoubles(W), CLOSE);
        });
    }

    @Test
    void thoseBeyondTheWeightsDirectionsStartAligned() {
        Scopes.run(() -> {
            Tensor W = weight();
            Site site = SubcomponentsTest.site("Q0", W);
            Initial initial = SingularStart.at(site, W, 4, 7);
            Initial aligned = Subcomponents.initial(site, W, 4, Start.ALIGNED, 7);
            assertThat(Tensors.toDoubles(initial.V().narrow(1, 2, 2)))
                    .isEqualTo(Tensors.toDoubles(aligned.V().narrow(1, 2, 2)));
            assertThat(Tensors.toDoubles(initial.U().narrow(0, 2, 2)))
                    .isEqualTo(Tensors.toDoubles(aligned.U().narrow(0, 2, 2)));
        });
    }
}
