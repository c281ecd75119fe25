package cleave.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import cleave.engine.GeluKernel.Tile;
import cleave.importance.ImportanceFunction.Parameter;
import cleave.importance.Sequence;
import cleave.model.Site;
import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// The kernels' gates against libtorch's in float64.
class FusedMlpsTest {
    private static final Draws.Key KEY = Draws.key(3, Purpose.INITIALISATION);
    private static final int D = 6;

    // Values of x F(x) to ten digits, from tables of the normal distribution function.
    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "1, 0.8413447461",
        "-1, -0.1586552539",
        "2, 1.9544997361",
        "-2, -0.0455002639",
        "0.5, 0.3457312306",
        "-3, -0.0040496941",
        "8, 8",
        "-8, 0",
        "40, 40",
        "-40, 0",
    })
    void geluIsTheNormalDistributionFunctionTimesItsArgument(double x, double gelu) {
        Scopes.run(() -> {
            Tensor h = Tensors.full(Type.FLOAT, x, 1, 16);
            Tensor y = Tensors.zeros(Type.FLOAT, 1, 1);
            GeluKernel.forward(
                    new Tile(1, 0, 1, 1, 16),
                    Kernels.address(h),
                    new float[16],
                    new float[] {1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
                    new float[1],
                    Kernels.address(y));
            assertThat(Tensors.number(y)).isCloseTo(gelu, Offset.offset(3e-7 * Math.max(1, x)));
        });
    }

    @Test
    void compilationChangesNoBit() {
        Scopes.run(() -> {
            Tensor drawn = KEY.with("h").normal(2, Type.FLOAT, 40, 3, 16);
            Tensor h = Tensors.zeros(Type.FLOAT, 40, 3, 16);
            Tensor y = Tensors.zeros(Type.FLOAT, 40, 3);
            float[] b = new float[48];
            float[] w = Tensors.toFloats(KEY.with("w").normal(1, Type.FLOAT, 48));
            float[] first = null;
            for (int repetition = 0; repetition < 3000; repetition++) {
                h.copy_(drawn);
                GeluKernel.forward(
                        new Tile(40, 0, 3, 3, 16),
                        Kernels.address(h),
                        b,
                        w,
                        new float[3],
                        Kernels.address(y));
                first = first == null ? Tensors.toFloats(y) : first;
            }
            assertThat(Tensors.toFloats(y)).isEqualTo(first);
        });
    }

    @Test
    void compilationChangesNoBitOfTheMlps() {
        float[] z = numbers("z", 41 * 16);
        java.util.Arrays.fill(z, 40 * 16, z.length, 0);
        MlpKernel kernel =
                new MlpKernel(
                        numbers("W", 13 * 3 * 16),
                        numbers("b", 3 * 16),
                        numbers("w", 3 * 16),
                        numbers("o", 3));
        Scopes.run(() -> {
            Tensor dy = KEY.with("dy").normal(1, Type.FLOAT, 40, 3);
            Tensor y = Tensors.zeros(Type.FLOAT, 40, 3);
            kernel.forward(z, 40, Kernels.address(y));
            float[] first = Tensors.toFloats(y);
            MlpKernel.Gradients gradients = kernel.backward(z, 40, 7, Kernels.address(dy));
            for (int repetition = 0; repetition < 1000; repetition++) {
                kernel.forward(z, 40, Kernels.address(y));
                assertThat(Tensors.toFloats(y)).isEqualTo(first);
                MlpKernel.Gradients again = kernel.backward(z, 40, 7, Kernels.address(dy));
                assertThat(again.weight()).isEqualTo(gradients.weight());
                assertThat(again.bias()).isEqualTo(gradients.bias());
                assertThat(again.output()).isEqualTo(gradients.output());
                assertThat(again.z()).isEqualTo(gradients.z());
            }
        });
    }

    private static float[] numbers(String name, int count) {
        float[] numbers = new float[count];
        double[] drawn = KEY.with(name).normals(count);
        for (int i = 0; i < count; i++) {
            numbers[i] = (float) drawn[i];
        }
        return numbers;
    }

    private static Stream<Arguments> shapes() {
        return Stream.of(
                // sequences, length, C, hidden, own activation, share of positions with a gradient
                arguments(1, 5, 3, 8, true, 1.0),
                arguments(7, 11, 5, 16, false, 1.0),
                arguments(9, 64, 40, 16, true, 1.0), // more rows and numbers than one tile
                arguments(4, 33, 2, 24, true, 0.1),
                arguments(2, 6, 3, 8, true, 0.0),
                arguments(3, 30, 1, 8, true, 1.0), // half a panel
                arguments(2, 9, 5, 40, false, 1.0), // panels of two layers and of one
                arguments(3, 10, 4, 5, true, 0.5), // layers filled up
                arguments(2, 7, 3, 1, true, 1.0));
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void valuesAndGradientsAreThoseOfLibtorch(
            int B, int T, int C, int hidden, boolean own, double share) {
        compare(new Sequence(hidden, Optional.empty(), true, T, own), B, T, C, share);
    }

    @ParameterizedTest
    @CsvSource({
        // width of the head, causal, length, size of the position tables
        "20, false, 9, 12",
        "3, false, 33, 33",
        "3, true, 5, 40",
        "40, true, 20, 20"
    })
    void headsOfOtherWidthsAndDirectionsAreThoseOfLibtorch(
            int width, boolean causal, int T, int positions) {
        compare(new Sequence(8, Optional.of(width), causal, positions, true), 3, T, 4, 1.0);
    }

    private static void compare(Sequence function, int B, int T, int C, double share) {
        Map<String, Parameter> parameters = function.parameters(Site.whole("S", 0, "w", D, D), C);
        Scopes.run(() -> {
            Tensor x = KEY.with("x").normal(1.5, Type.DOUBLE, B, T, D);
            Tensor gradient = gradient(B, T, C, share);
            Map<String, Tensor> exact = leaves(parameters, Type.DOUBLE);
            Tensor y = function.preactivation(name -> Tensors.named(name, exact), x, x, null);
            y.backward(gradient);

            Map<String, Tensor> leaves = leaves(parameters, Type.FLOAT);
            GatePass pass =
                    function.pass(
                            Fused.ENGINE,
                            name -> Tensors.named(name, leaves),
                            x.to(Type.FLOAT),
                            x,
                            null);
            assertThat(pass).isInstanceOf(FusedMlps.class);
            pass.backward(gradient.to(Type.FLOAT));

            assertThat(distance(pass.preactivation(), y)).isLessThan(2e-6);
            exact.forEach((name, leaf) ->
                    assertThat(distance(Tensors.named(name, leaves).grad(), leaf.grad()))
                            .as(name)
                            .isLessThan(5e-6));
        });
    }

    /// About half of the numbers of the first positions are zero, as behind the sign gate.
    private static Tensor gradient(int B, int T, int C, double share) {
        Tensor all = KEY.with("dy").normal(1, Type.DOUBLE, B, T, C).clamp_max(0);
        Tensor first = Tensors.arange(T).lt(share * T).unsqueeze(1);
        return all.mul(first);
    }

    private static Map<String, Tensor> leaves(Map<String, Parameter> parameters, Type type) {
        Map<String, Tensor> leaves = new LinkedHashMap<>();
        parameters.forEach((name, parameter) -> {
            Parameter noisy =
                    new Parameter(
                            Math.max(0.3, parameter.deviation()),
                            parameter.shape(),
                            parameter.axis());
            Tensor leaf = noisy.initial(KEY.with(name), Type.FLOAT).to(type).detach();
            leaf.requires_grad_(true);
            leaf.setGrad(Tensors.zerosLike(leaf));
            leaves.put(name, leaf);
        });
        return leaves;
    }

    private static double distance(Tensor actual, Tensor expected) {
        double size = Tensors.number(expected.norm());
        double gap = Tensors.number(actual.to(Type.DOUBLE).sub(expected).norm());
        return size == 0 ? gap : gap / size;
    }
}
