package cleave.engine;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.importance.Mlp;
import cleave.model.Site;
import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The kernels' gates on inner activations against libtorch's in float64.
class FusedScalarMlpsTest {
    private static final Draws.Key KEY = Draws.key(4, Purpose.INITIALISATION);
    private static final int D = 6;

    @ParameterizedTest
    @CsvSource({
        "1, 1, 3, 8, false", // no more than one of the wider vectors
        "6, 3, 4, 5, false", // layers filled up
        "7, 5, 5, 16, false",
        "7, 5, 5, 16, true",
        "900, 1, 40, 16, false", // several tiles of rows
        "40, 1, 37, 128, false" // and of subcomponents, the last ones smaller
    })
    void valuesAndGradientsAreThoseOfLibtorch(int B, int T, int C, int hidden, boolean scaled) {
        Mlp function = new Mlp(hidden, scaled);
        Scopes.run(() -> {
            Tensor x = KEY.with("x").normal(1, Type.FLOAT, B, T, D);
            Tensor dy = KEY.with("dy").normal(1, Type.FLOAT, B, T, C);
            Map<String, Tensor> exact = leaves(function, C, Type.DOUBLE);
            Tensor y =
                    function.preactivation(
                            name -> Tensors.named(name, exact),
                            x.to(Type.DOUBLE),
                            Tensors.named("V", exact),
                            null);
            y.backward(dy.to(Type.DOUBLE));

            Map<String, Tensor> leaves = leaves(function, C, Type.FLOAT);
            GatePass pass =
                    function.pass(
                            Fused.ENGINE,
                            name -> Tensors.named(name, leaves),
                            x,
                            Tensors.named("V", leaves),
                            null);
            assertThat(pass).isInstanceOf(FusedScalarMlps.class);
            pass.backward(dy);

            assertThat(distance(pass.preactivation(), y)).isLessThan(2e-6);
            if (scaled) {
                Tensor none = Tensors.zeros(Type.DOUBLE, C);
                assertThat(Tensors.toDoubles(Tensors.named("scale", leaves).grad()))
                        .isEqualTo(Tensors.toDoubles(none));
                exact.remove("scale");
            }
            exact.forEach((name, leaf) ->
                    assertThat(distance(Tensors.named(name, leaves).grad(), leaf.grad()))
                            .as(name)
                            .isLessThan(5e-6));
        });
    }

    private static Map<String, Tensor> leaves(Mlp function, int C, Type type) {
        Map<String, Tensor> leaves = new TreeMap<>();
        function.parameters(Site.whole("S", 0, "w", D, D), C)
                .forEach((name, parameter) ->
                        leaves.put(name, leaf(name, type, shape(parameter.shape()))));
        leaves.put("V", leaf("V", type, D, C));
        return leaves;
    }

    private static long[] shape(java.util.List<Long> shape) {
        return shape.stream().mapToLong(Long::longValue).toArray();
    }

    private static Tensor leaf(String name, Type type, long... shape) {
        Tensor leaf = KEY.with(name).normal(0.6, Type.FLOAT, shape).to(type).detach();
        leaf.requires_grad_(true);
        leaf.setGrad(Tensors.zerosLike(leaf));
        return leaf;
    }

    private static double distance(Tensor actual, Tensor expected) {
        double size = Tensors.number(expected.norm());
        double gap = Tensors.number(actual.to(Type.DOUBLE).sub(expected).norm());
        return gap / size;
    }
}
