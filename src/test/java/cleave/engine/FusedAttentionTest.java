package cleave.engine;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.engine.Attention.Head;
import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The kernel against libtorch's attention in float64.
class FusedAttentionTest {
    private static final Draws.Key KEY = Draws.key(5, Purpose.INITIALISATION);

    @ParameterizedTest
    @CsvSource({
        // sequences, positions, width, queries (0 for all)
        "1, 1, 1, 0",
        "2, 6, 4, 0",
        "3, 16, 16, 0",
        "2, 33, 20, 0",
        "2, 64, 16, 0",
        "3, 64, 16, 1",
        "2, 9, 4, 2",
        "2, 20, 33, 6"
    })
    void patternsValuesAndGradientsAreThoseOfLibtorch(int B, int T, int d, int Q) {
        Scopes.run(() -> {
            Tensor places = Q == 0 ? null : places(B, T, Q);
            int asking = Q == 0 ? T : Q;
            Tensor gradient = KEY.with("gradient").normal(1, Type.DOUBLE, B, asking, d);
            Leaves exact = new Leaves(Type.DOUBLE, B, asking, T, d);
            Head expected = Attention.of(exact.q, exact.k, exact.v, hidden(B, T, places));
            expected.mixed().mul(gradient).sum().backward();

            Leaves leaves = new Leaves(Type.FLOAT, B, asking, T, d);
            Head head = FusedAttention.of(leaves.q, leaves.k, leaves.v, places);
            head.mixed().mul(gradient.to(Type.FLOAT)).sum().backward();

            same("pattern", head.pattern(), expected.pattern());
            same("mixed", head.mixed(), expected.mixed());
            same("q", leaves.q.grad(), exact.q.grad());
            same("k", leaves.k.grad(), exact.k.grad());
            same("v", leaves.v.grad(), exact.v.grad());
        });
    }

    private static Tensor places(int B, int T, int Q) {
        long[] places = new long[B * Q];
        for (int i = 0; i < places.length; i++) {
            places[i] = Math.floorMod(T - 1 - 3L * i, T);
        }
        return Tensors.of(places, B, Q);
    }

    /// Minus infinity where a key comes after a query.
    private static Tensor hidden(int B, int T, @Nullable Tensor places) {
        long[] at = places == null ? new long[0] : Tensors.toLongs(places);
        int asking = places == null ? T : at.length / B;
        double[] hidden = new double[B * asking * T];
        for (int i = 0; i < hidden.length; i++) {
            long place = places == null ? i / T % T : at[i / T];
            hidden[i] = i % T > place ? Double.NEGATIVE_INFINITY : 0;
        }
        return Tensors.of(hidden, Type.DOUBLE, B, asking, T);
    }

    private static final class Leaves {
        private final Tensor q;
        private final Tensor k;
        private final Tensor v;

        Leaves(Type type, int B, int asking, int T, int d) {
            q = leaf("q", type, B, asking, d);
            k = leaf("k", type, B, T, d);
            v = leaf("v", type, B, T, d);
        }

        private static Tensor leaf(String name, Type type, long... shape) {
            Tensor leaf = KEY.with(name).normal(2, Type.FLOAT, shape).to(type).detach();
            return leaf.requires_grad_(true);
        }
    }

    private static void same(String name, Tensor actual, Tensor expected) {
        double gap = Tensors.number(actual.to(Type.DOUBLE).sub(expected).norm());
        assertThat(gap).as(name).isLessThan(5e-6 * Math.max(1, norm(expected)));
    }

    private static double norm(Tensor tensor) {
        return Tensors.number(tensor.norm());
    }

    @Test
    void compilationChangesNoBit() {
        double[][] first = differentiated();
        for (int repetition = 0; repetition < 1000; repetition++) {
            assertThat(differentiated()).isDeepEqualTo(first);
        }
    }

    private static double[][] differentiated() {
        return Scopes.run(() -> {
            Leaves leaves = new Leaves(Type.FLOAT, 1, 20, 20, 16);
            Head head = FusedAttention.of(leaves.q, leaves.k, leaves.v, null);
            head.mixed().mul(leaves.v.detach()).sum().backward();
            return new double[][] {
                Tensors.toDoubles(head.mixed()),
                Tensors.toDoubles(leaves.q.grad()),
                Tensors.toDoubles(leaves.k.grad()),
                Tensors.toDoubles(leaves.v.grad())
            };
        });
    }

    @Test
    void onlyWhatAGradientReachesInFloat32IsTakenByTheKernel() {
        Scopes.run(() -> {
            Leaves leaves = new Leaves(Type.FLOAT, 1, 3, 3, 4);
            assertThat(isFused(leaves.q, leaves.k, leaves.v)).isTrue();
            Tensor none = leaves.q.detach();
            assertThat(isFused(none, none, none)).isFalse();
            assertThat(isFused(none, leaves.k, none)).isTrue();
            Leaves exact = new Leaves(Type.DOUBLE, 1, 3, 3, 4);
            assertThat(isFused(exact.q, exact.k, exact.v)).isFalse();
        });
    }

    /// Whether the engine asks for nothing that hides keys, which the kernel knows itself.
    private static boolean isFused(Tensor q, Tensor k, Tensor v) {
        AtomicBoolean asked = new AtomicBoolean();
        Fused.ENGINE.attention(
                q,
                k,
                v,
                null,
                true,
                () -> {
                    asked.set(true);
                    return Tensors.zeros(Tensors.type(q), q.size(1), k.size(1));
                });
        return !asked.get();
    }
}
