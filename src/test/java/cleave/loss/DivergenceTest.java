package cleave.loss;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.model.Target.Outputs;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class DivergenceTest {
    private static final Offset<Double> ROUNDING = Offset.offset(1e-14);

    @Test
    void klIsThatOfTheTargetFromTheOther() {
        Scopes.run(() -> {
            // p = (3/4, 1/4), q = (1/2, 1/2): 3/4 ln(3/2) + 1/4 ln(1/2)
            Tensor p = outputs(Math.log(3), 0);
            Tensor q = outputs(7, 7);
            assertThat(Tensors.number(Divergence.from(Outputs.LOGITS, p, null).sum(q)))
                    .isCloseTo(0.75 * Math.log(1.5) + 0.25 * Math.log(0.5), ROUNDING);
        });
    }

    @Test
    void klOfEqualOutputsIsZeroWhateverTheirShift() {
        Scopes.run(() ->
                assertThat(
                                Tensors.number(
                                        Divergence.from(Outputs.LOGITS, outputs(1, -2), null)
                                                .sum(outputs(4, 1))))
                        .isCloseTo(0, ROUNDING));
    }

    @Test
    void anImpossibleTokenAddsNothingAndItsGradientIsANumber() {
        Scopes.run(() -> {
            for (double impossible : new double[] {Double.NEGATIVE_INFINITY, -1e5}) {
                Tensor q = outputs(0, 0);
                q.requires_grad_(true);
                Tensor kl = Divergence.from(Outputs.LOGITS, outputs(0, impossible), null).sum(q);
                // p = (1, 0), q = (1/2, 1/2): ln 2, with gradient q - p.
                assertThat(Tensors.number(kl)).isCloseTo(Math.log(2), ROUNDING);
                kl.backward();
                assertThat(Tensors.toDoubles(q.grad()))
                        .containsExactly(new double[] {-0.5, 0.5}, ROUNDING);
            }
        });
    }

    @Test
    void squaredDifferencesAreAveragedOverOutputsAndSummedOverPositions() {
        Scopes.run(() -> {
            Tensor target = Tensors.of(new double[] {1, 2, 3, 4}, Type.DOUBLE, 1, 2, 2);
            Tensor other = Tensors.of(new double[] {2, 4, 3, 1}, Type.DOUBLE, 1, 2, 2);
            Divergence divergence = Divergence.from(Outputs.VALUES, target, null);
            // (1 + 4) / 2 and (0 + 9) / 2
            assertThat(Tensors.toDoubles(divergence.at(other))).containsExactly(2.5, 4.5);
            assertThat(Tensors.number(divergence.sum(other))).isEqualTo(7);
        });
    }

    @Test
    void aLossPositionThatDoesNotCountAddsNothing() {
        Scopes.run(() -> {
            Tensor target = Tensors.of(new double[] {1, 2, 3, 4}, Type.DOUBLE, 1, 2, 2);
            Tensor other = Tensors.of(new double[] {2, 4, 3, 1}, Type.DOUBLE, 1, 2, 2);
            Tensor counted = Tensors.of(new boolean[] {false, true}, 1, 2);
            assertThat(
                            Tensors.toDoubles(
                                    Divergence.from(Outputs.VALUES, target, counted).at(other)))
                    .containsExactly(0, 4.5);
        });
    }

    @Test
    void manyOutputsTakenInPartsGiveTheSumAndItsGradient() {
        Scopes.run(() -> {
            long tokens = 200_000; // more than half of what is taken at a time
            Draws.Key key = Draws.key(1, Draws.Purpose.INITIALISATION);
            Tensor target = key.with("p").normal(1, Type.DOUBLE, 2, 3, tokens);
            Tensor other = key.with("q").normal(1, Type.DOUBLE, 2, 3, tokens);
            Tensor counted = Tensors.of(new boolean[] {true, false, true, true, true, false}, 2, 3);
            Divergence divergence = Divergence.from(Outputs.LOGITS, target, counted);
            Divergence.Differentiated both = divergence.differentiated(other, 0.25);

            other.requires_grad_(true);
            Tensor sum = divergence.sum(other);
            sum.mul(0.25).backward();
            assertThat(both.value()).isCloseTo(Tensors.number(sum), Offset.offset(1e-9));
            Tensor gap = both.ofOutputs().sub(other.grad()).abs().max();
            assertThat(Tensors.number(gap)).isLessThan(1e-15);

            Tensor given = other.detach().clone();
            Divergence.Differentiated taken = divergence.taking(given, 0.25);
            assertThat(taken.value()).isEqualTo(both.value());
            assertThat(taken.ofOutputs().equal(both.ofOutputs())).isTrue();
            assertThat(given.equal(both.ofOutputs())).isTrue(); // its memory was taken
        });
    }

    private static Tensor outputs(double first, double second) {
        return Tensors.of(new double[] {first, second}, Type.DOUBLE, 1, 1, 2);
    }
}
