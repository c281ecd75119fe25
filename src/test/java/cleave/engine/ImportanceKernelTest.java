package cleave.engine;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.loss.ImportanceLosses;
import cleave.loss.ImportanceMinimality;
import cleave.loss.ImportanceMinimality.PositionReduction;
import cleave.schedule.Schedule;
import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.SplittableRandom;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The kernels against sums by the language's own mathematics, in double precision.
class ImportanceKernelTest {
    private static final Draws.Key KEY = Draws.key(5, Purpose.INITIALISATION);
    private static final double EPSILON = 1e-6;
    private static final double SCALE = 0.7;

    @ParameterizedTest
    @CsvSource({"1, 16, 1", "3, 16, 3", "2, 8, 6", "5, 64, 100", "4, 1, 16", "2, 16, 21"})
    void valuesAndGradientsAreThoseOfTheFormulas(int B, int T, int C) {
        Scopes.run(() -> {
            Tensor g = importances(B, T, C);
            assertThat(ImportanceKernel.fits(g)).isTrue();
            double[] importances = Tensors.toDoubles(g);
            double[] weights = weights(C);

            for (boolean free : new boolean[] {true, false}) {
                ImportanceMinimality term = term(free);
                Tensor gradient = Tensors.onesLike(g);
                double value =
                        ImportanceLosses.powers(
                                Fused.ENGINE, term, 0.4, g, null, weights, gradient, SCALE);
                double expected = 0;
                double[] slopes = Tensors.toDoubles(gradient);
                for (int i = 0; i < slopes.length; i++) {
                    double base = importances[i] + EPSILON;
                    double cost = Math.pow(base, 0.4) - (free ? Math.pow(EPSILON, 0.4) : 0);
                    expected += weights[i % C] * (free && importances[i] <= 0 ? 0 : cost);
                    double slope = 1 + SCALE * weights[i % C] * 0.4 * Math.pow(base, -0.6);
                    assertThat(slopes[i]).isCloseTo(slope, Percentage.withPercentage(1e-3));
                }
                assertThat(value).isCloseTo(expected, Percentage.withPercentage(1e-4));
            }

            Tensor gradient = Tensors.onesLike(g);
            double value = ImportanceLosses.peaks(Fused.ENGINE, g, null, weights, gradient, SCALE);
            double expected = 0;
            double[] slopes = Tensors.toDoubles(gradient);
            double[] each = Tensors.toDoubles(ImportanceLosses.eachPeak(Fused.ENGINE, g, null));
            for (int b = 0; b < B; b++) {
                for (int c = 0; c < C; c++) {
                    double peak = 0;
                    int shared = 0;
                    for (int t = 0; t < T; t++) {
                        double one = importances[(b * T + t) * C + c];
                        shared = one > peak ? 1 : shared + (one == peak ? 1 : 0);
                        peak = Math.max(peak, one);
                    }
                    assertThat(each[b * C + c]).isEqualTo(peak);
                    expected += weights[c] * peak;
                    for (int t = 0; t < T; t++) {
                        int at = (b * T + t) * C + c;
                        double share = importances[at] == peak ? SCALE * weights[c] / shared : 0;
                        assertThat(slopes[at])
                                .isCloseTo(1 + share, Percentage.withPercentage(1e-4));
                    }
                }
            }
            assertThat(value).isCloseTo(expected, Percentage.withPercentage(1e-4));
        });
    }

    /// Some of them zero, and so that positions share peaks, of zero and others.
    private static Tensor importances(int B, int T, int C) {
        Tensor drawn = KEY.normal(1, Type.FLOAT, B, T, C).clamp_min(0);
        return drawn.mul(4).round().div(4).contiguous();
    }

    private static double[] weights(int C) {
        return new SplittableRandom(2).doubles(C, 0.1, 2).toArray();
    }

    private static ImportanceMinimality term(boolean zeroIsFree) {
        Schedule one = Schedule.constant(1);
        return new ImportanceMinimality(one, one, EPSILON, zeroIsFree, PositionReduction.MEAN, 0);
    }

    @Test
    void whatDoesNotFillVectorsIsLeftToLibtorch() {
        Scopes.run(() -> assertThat(ImportanceKernel.fits(importances(2, 3, 3))).isFalse());
    }

    @Test
    void whatIsNotANumberIsNotFree() {
        Scopes.run(() -> {
            Tensor g = importances(1, 16, 1).mul(Double.NaN);
            assertThat(ImportanceKernel.fits(g)).isTrue();
            Tensor gradient = Tensors.zerosLike(g);
            double value =
                    ImportanceLosses.powers(
                            Fused.ENGINE,
                            term(true),
                            0.4,
                            g,
                            null,
                            new double[] {1},
                            gradient,
                            SCALE);
            assertThat(value).isNaN();
        });
    }
}
