package cleave.engine;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.importance.ImportanceFunction.Parameter;
import cleave.importance.PerSite;
import cleave.importance.Sequence;
import cleave.importance.SharedMlp;
import cleave.importance.VectorMlp;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Gates on wide inputs, which add to the parameters' gradients themselves, against libtorch's
/// graph in float64.
class WideMlpsTest {
    private static final Draws.Key KEY = Draws.key(5, Purpose.INITIALISATION);
    private static final int D = 130; // wider than what the kernel of narrow gates takes

    @ParameterizedTest
    @CsvSource({
        // sequences, length, C, hidden, share of positions with a gradient
        "2, 16, 5, 12, 1.0",
        "1, 5, 3, 8, 1.0", // fewer positions than a vector
        "3, 13, 40, 12, 0.4", // more layers than are taken at a time, and a part of a vector
        "2, 9, 300, 3, 1.0",
        "1, 1, 2, 1, 1.0",
        "2, 6, 3, 7, 0.0"
    })
    void oneMlpForEachSubcomponentIsThatOfLibtorch(int B, int T, int C, int hidden, double share) {
        assertThat(compare(new VectorMlp(hidden), B, T, C, share)).isInstanceOf(WideMlps.class);
    }

    @Test
    void whatAnAttentionHeadSawGetsItsGradientToo() {
        Sequence both = new Sequence(6, Optional.empty(), true, 11, true);
        assertThat(compare(both, 2, 11, 4, 1.0)).isInstanceOf(WideMlps.class);
    }

    @ParameterizedTest
    @CsvSource({"2, 16, 5, 12, 1.0", "1, 5, 3, 8, 0.4", "1, 1, 2, 1, 1.0", "2, 6, 3, 7, 0.0"})
    void oneMlpForAllSubcomponentsIsThatOfLibtorch(int B, int T, int C, int hidden, double share) {
        assertThat(compare(new SharedMlp(hidden), B, T, C, share))
                .isInstanceOf(SharedMlpPass.class);
    }

    @Test
    void compilationChangesNoBit() {
        Scopes.run(() -> {
            int N = 19;
            Tensor drawn = KEY.with("x").normal(2, Type.FLOAT, 3 * 4, N);
            Tensor x = Tensors.zeros(Type.FLOAT, 3 * 4, N);
            Tensor b = KEY.with("b").normal(1, Type.FLOAT, 3, 4);
            Tensor w = KEY.with("w").normal(1, Type.FLOAT, 3, 4);
            Tensor o = KEY.with("o").normal(1, Type.FLOAT, 3);
            Tensor dy = KEY.with("dy").normal(1, Type.FLOAT, 3, N);
            Tensor y = Tensors.zeros(Type.FLOAT, 3, N);
            WideKernel kernel = new WideKernel(N, 4, Kernels.address(b), Kernels.address(w));
            float[] first = null;
            for (int repetition = 0; repetition < 2000; repetition++) {
                x.copy_(drawn);
                Tensor db = Tensors.zeros(Type.FLOAT, 3, 4);
                Tensor dw = Tensors.zeros(Type.FLOAT, 3, 4);
                kernel.forward(0, 3, Kernels.address(x), Kernels.address(o), Kernels.address(y));
                kernel.backward(
                        0,
                        3,
                        Kernels.address(x),
                        Kernels.address(dy),
                        Kernels.address(db),
                        Kernels.address(dw));
                Tensor all =
                        Tensors.concatenate(
                                0, y.flatten(), x.flatten(), db.flatten(), dw.flatten());
                first = first == null ? Tensors.toFloats(all) : first;
                assertThat(Tensors.toFloats(all)).isEqualTo(first);
            }
        });
    }

    private static GatePass compare(PerSite function, int B, int T, int C, double share) {
        Map<String, Parameter> parameters = function.parameters(Site.whole("S", 0, "w", D, D), C);
        GatePass[] made = new GatePass[1];
        Scopes.run(() -> {
            Tensor x = KEY.with("x").normal(0.5, Type.DOUBLE, B, T, D);
            Tensor gradient =
                    KEY.with("dy")
                            .normal(1, Type.DOUBLE, B, T, C)
                            .mul(Tensors.arange(T).lt(share * T).unsqueeze(1));
            Map<String, Tensor> exact = leaves(parameters, Type.DOUBLE);
            Tensor y = function.preactivation(name -> Tensors.named(name, exact), x, x, null);
            y.backward(gradient);

            Map<String, Tensor> leaves = leaves(parameters, Type.FLOAT);
            Gate gate = name -> Tensors.named(name, leaves);
            GatePass pass = function.pass(Fused.ENGINE, gate, x.to(Type.FLOAT), x, null);
            assertThat(distance(pass.preactivation(), y)).isLessThan(2e-6);
            pass.backward(gradient.to(Type.FLOAT));
            exact.forEach((name, leaf) ->
                    assertThat(distance(Tensors.named(name, leaves).grad(), leaf.grad()))
                            .as(name)
                            .isLessThan(5e-6));
            made[0] = pass;
        });
        return made[0];
    }

    /// Leaves whose gradients are ones already, and must be added to.
    private static Map<String, Tensor> leaves(Map<String, Parameter> parameters, Type type) {
        Map<String, Tensor> leaves = new LinkedHashMap<>();
        parameters.forEach((name, parameter) -> {
            Tensor leaf =
                    KEY.with(name)
                            .normal(
                                    Math.max(0.1, parameter.deviation()),
                                    Type.FLOAT,
                                    parameter.shape().stream().mapToLong(Long::longValue).toArray())
                            .to(type)
                            .detach();
            leaf.requires_grad_(true);
            leaf.setGrad(Tensors.onesLike(leaf));
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
