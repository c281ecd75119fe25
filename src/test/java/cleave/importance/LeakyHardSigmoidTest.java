package cleave.importance;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.engine.Engines;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import org.assertj.core.data.Offset;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LeakyHardSigmoidTest {
    private static final Offset<Double> ROUNDING = Offset.offset(1e-15);

    @ParameterizedTest
    @CsvSource({
        // x, lower, upper
        "SIGN_GATED, -2,   0,     0",
        "SIGN_GATED, -1e-9, 0,    0",
        "SIGN_GATED,  0,   0,     0",
        "SIGN_GATED,  0.3, 0.3,   0.3",
        "SIGN_GATED,  1,   1,     1",
        "SIGN_GATED,  3,   1,     1.02",
        "BOTH_SIGNS, -2,   0,     0",
        "BOTH_SIGNS,  0.3, 0.3,   0.3",
        "BOTH_SIGNS,  3,   1,     1.02",
        "PLAIN,      -2,  -0.02,  0",
        "PLAIN,       0,   0,     0",
        "PLAIN,       0.3, 0.3,   0.3",
        "PLAIN,       1,   1,     1",
        "PLAIN,       3,   1,     1.02",
    })
    void valuesFollowTheTable(Leak leak, double x, double lower, double upper) {
        Scopes.run(() -> {
            CausalImportance importance = CausalImportance.of(Engines.LIBTORCH, of(x), leak);
            assertThat(Tensors.number(importance.preactivation())).isEqualTo(x);
            assertThat(Tensors.number(importance.lower())).isCloseTo(lower, ROUNDING);
            assertThat(Tensors.number(importance.upper())).isCloseTo(upper, ROUNDING);
        });
    }

    @ParameterizedTest
    @CsvSource({
        // x, incoming gradient of lower, outgoing
        "SIGN_GATED, -2,    4,  0",
        "SIGN_GATED, -2,   -4, -0.04",
        "SIGN_GATED,  0,    4,  0",
        "SIGN_GATED,  0,   -4, -0.04",
        "SIGN_GATED, 1e-9,  4,  4",
        "SIGN_GATED,  0.3,  4,  4",
        "SIGN_GATED,  0.3, -4, -4",
        "SIGN_GATED,  1,    4,  4",
        "SIGN_GATED,  1,   -4, -4",
        "SIGN_GATED,  3,    4,  0",
        "SIGN_GATED,  3,   -4,  0",
        "BOTH_SIGNS, -2,    4,  0.04",
        "BOTH_SIGNS, -2,   -4, -0.04",
        "BOTH_SIGNS,  0,    4,  0.04",
        "BOTH_SIGNS,  0.3, -4, -4",
        "BOTH_SIGNS,  1,    4,  4",
        "BOTH_SIGNS,  3,   -4,  0",
        "PLAIN,      -2,    4,  0.04",
        "PLAIN,      -2,   -4, -0.04",
        "PLAIN,       0,    4,  0.04",
        "PLAIN,       0,   -4, -0.04",
        "PLAIN,       0.3,  4,  4",
        "PLAIN,       0.3, -4, -4",
        "PLAIN,       1,    4,  4",
        "PLAIN,       1,   -4, -4",
        "PLAIN,       3,    4,  0",
        "PLAIN,       3,   -4,  0",
    })
    void gradientsOfTheLowerFollowTheTable(Leak leak, double x, double in, double out) {
        Scopes.run(() ->
                assertThat(
                                Tensors.number(
                                        LeakyHardSigmoid.backward(
                                                Engines.LIBTORCH, of(x), of(in), of(0), leak)))
                        .isCloseTo(out, ROUNDING));
    }

    @ParameterizedTest
    @CsvSource({"-2, 0", "-1e-9, 0", "0, 1", "0.3, 1", "1, 1", "1.000001, 0.01", "3, 0.01"})
    void gradientsOfTheUpperFollowTheTable(double x, double slope) {
        Scopes.run(() -> {
            for (Leak leak : Leak.values()) {
                for (double in : new double[] {4, -4}) {
                    Tensor out =
                            LeakyHardSigmoid.backward(Engines.LIBTORCH, of(x), of(0), of(in), leak);
                    assertThat(Tensors.number(out)).isCloseTo(slope * in, ROUNDING);
                }
            }
        });
    }

    @ParameterizedTest
    @CsvSource({
        "SIGN_GATED, -2, -3, 5, -0.03",
        "SIGN_GATED, 0.5, -3, 5, 2",
        "PLAIN, 3, -3, 5, 0.05"
    })
    void theTwoGradientsAdd(Leak leak, double x, double ofLower, double ofUpper, double out) {
        Scopes.run(() ->
                assertThat(
                                Tensors.number(
                                        LeakyHardSigmoid.backward(
                                                Engines.LIBTORCH,
                                                of(x),
                                                of(ofLower),
                                                of(ofUpper),
                                                leak)))
                        .isCloseTo(out, ROUNDING));
    }

    private static Tensor of(double value) {
        return Tensors.of(new double[] {value}, Type.DOUBLE, 1);
    }
}
