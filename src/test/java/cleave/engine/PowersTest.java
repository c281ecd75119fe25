package cleave.engine;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PowersTest {
    private static final int COUNT = 100_003; // no whole number of vectors

    @ParameterizedTest
    @ValueSource(doubles = {-1.1, -0.6, 0, 0.4, 1, 2})
    void agreesWithTheLibraryOfTheLanguage(double exponent) {
        SplittableRandom random = new SplittableRandom(1);
        float[] bases = new float[COUNT];
        for (int i = 0; i < COUNT; i++) {
            bases[i] = (float) Math.pow(10, random.nextDouble(-12, 2));
        }
        bases[0] = 1;
        bases[1] = 1e-12f;
        Scopes.run(() -> {
            Tensor powers = Powers.of(Tensors.of(bases, Type.FLOAT, COUNT), exponent);
            float[] found = Tensors.toFloats(powers);
            for (int i = 0; i < COUNT; i++) {
                double expected = Math.pow(bases[i], exponent);
                double size = 1 + Math.abs(exponent * Math.log(bases[i])) / 5;
                assertThat(Math.abs(found[i] / expected - 1))
                        .as("%s ^ %s", bases[i], exponent)
                        .isLessThan(1e-6 * size);
            }
        });
    }

    @ParameterizedTest
    @ValueSource(doubles = {-0.6, 0.4})
    void doublesKeepTheirPrecision(double exponent) {
        Scopes.run(() -> {
            Tensor power = Powers.of(Tensors.of(new double[] {0.3}, Type.DOUBLE, 1), exponent);
            assertThat(Tensors.toDoubles(power)[0]).isEqualTo(Math.pow(0.3, exponent));
        });
    }
}
