package cleave.engine;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.model.Positions;
import cleave.model.Site;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// The kernel against libtorch's graph in float64, from the formulas of masks (spec M1, L9).
class SliceSiteTest {
    private static final Draws.Key KEY = Draws.key(11, Purpose.INITIALISATION);

    enum Kind {
        IMPORTANCE,
        STOCHASTIC,
        BINARY,
        EVERYWHERE,
        USED
    }

    private static Stream<Arguments> problems() {
        return Stream.of(Kind.values())
                .flatMap(kind ->
                        Stream.of(
                                // B, T, width, C: less than a vector; rests; panels and blocks
                                Arguments.of(kind, 1, 1, 1, 1),
                                Arguments.of(kind, 3, 5, 4, 3),
                                Arguments.of(kind, 2, 50, 20, 33),
                                Arguments.of(kind, 3, 64, 16, 100),
                                Arguments.of(kind, 2, 7, 64, 24)));
    }

    @ParameterizedTest
    @MethodSource("problems")
    void valuesAndGradientsAreThoseOfLibtorch(Kind kind, int B, int T, int width, int C) {
        for (boolean some : new boolean[] {false, true}) {
            Scopes.run(() -> {
                Tensor positions = some ? Tensors.of(last(B, T), B, 1) : null;
                compare(kind, B, T, width, C, positions, null);
            });
        }
    }

    @Test
    void paddingIsNoneOfTheLargestImportances() {
        Scopes.run(() -> {
            boolean[] valid = new boolean[2 * 9];
            for (int i = 0; i < valid.length; i++) {
                valid[i] = i % 9 < (i < 9 ? 4 : 7);
            }
            compare(Kind.USED, 2, 9, 4, 5, null, Tensors.of(valid, 2, 9));
        });
    }

    private static long[] last(int B, int T) {
        long[] last = new long[B];
        for (int i = 0; i < B; i++) {
            last[i] = Math.max(0, T - 1 - i);
        }
        return last;
    }

    private static void compare(
            Kind kind,
            int B,
            int T,
            int width,
            int C,
            @Nullable Tensor positions,
            @Nullable Tensor valid) {
        long P = positions == null ? T : 1;
        Tensor dy = KEY.with("dy").normal(1, Type.DOUBLE, B, P, width);
        Leaves exact = new Leaves(Type.DOUBLE, B, T, width, C, P);
        Tensor mask = Positions.select(exact.mask(kind, valid), positions);
        Tensor expected = exact.x().matmul(exact.of.V()).mul(mask).matmul(exact.of.U());
        expected.mul(dy).sum().backward();

        Leaves leaves = new Leaves(Type.FLOAT, B, T, width, C, P);
        var site = new SliceSite(leaves.of.V(), leaves.of.U(), leaves.g, valid);
        Tensor y = site.output(leaves.x(), leaves.sliceMask(kind, site), positions, null, 0, null);
        y.mul(dy.to(Type.FLOAT)).sum().backward();
        site.backward();

        same("y", y, expected);
        same("x", leaves.a.grad(), exact.a.grad());
        same("V", leaves.of.V().grad(), exact.of.V().grad());
        same("U", leaves.of.U().grad(), exact.of.U().grad());
        Tensor toG = exact.g.grad();
        same("g", leaves.g.grad(), toG.defined() ? toG : Tensors.zerosLike(exact.g));
    }

    private static void same(String name, Tensor actual, Tensor expected) {
        double gap = Tensors.number(actual.to(Type.DOUBLE).sub(expected).norm());
        double size = Math.max(1e-3, Tensors.number(expected.norm()));
        assertThat(gap / size).as(name).isLessThan(3e-6);
    }

    /// Numbers behind x and the masks.
    private static final class Leaves {
        private final Tensor a;
        private final Tensor g; // a third of it 0, a third 1
        private final Tensor r;
        private final Subcomponents of;

        Leaves(Type type, int B, int T, int width, int C, long P) {
            a = leaf(KEY.with("a").normal(1, Type.FLOAT, B, P, width), type);
            Tensor any = KEY.with("g").within(1.5, Type.FLOAT, B, T, C);
            g = leaf(Tensors.clamp(any.add(0.5), zeroToOne(0), zeroToOne(1)), type);
            r = KEY.with("r").within(0.5, Type.FLOAT, B, T, C).add(0.5).to(type);
            Tensor V = leaf(KEY.with("V").normal(1, Type.FLOAT, width, C), type);
            Tensor U = leaf(KEY.with("U").normal(1, Type.FLOAT, C, width), type);
            V.setGrad(Tensors.zerosLike(V));
            U.setGrad(Tensors.zerosLike(U));
            of =
                    new Subcomponents(
                            Site.whole("S", 0, "w", width, width),
                            Tensors.zeros(type, width, width),
                            V,
                            U);
        }

        private static double zeroToOne(double end) {
            return end;
        }

        private static Tensor leaf(Tensor values, Type type) {
            Tensor leaf = values.to(type).detach();
            leaf.requires_grad_(true);
            return leaf;
        }

        Tensor x() {
            return a.mul(1);
        }

        /// Masks that every third subcomponent has whole.
        private double[] used() {
            double[] used = new double[(int) g.size(2)];
            for (int c = 0; c < used.length; c++) {
                used[c] = c % 3 == 0 ? 1 : 0.25 * (c % 3);
            }
            return used;
        }

        Tensor mask(Kind kind, @Nullable Tensor valid) {
            return switch (kind) {
                case IMPORTANCE -> g;
                case STOCHASTIC -> g.add(r.mul(Tensors.rsub(g, 1)));
                case BINARY -> r.lt(g.detach()).to(Tensors.type(g)).add(g.sub(g.detach()));
                case EVERYWHERE -> everywhere();
                case USED -> {
                    Tensor seen =
                            valid == null ? g : g.masked_fill(valid.logical_not().unsqueeze(2), -1);
                    Tensor peaks = seen.amax(new long[] {1}, true);
                    Tensor open = everywhere().lt(1).to(Tensors.type(g));
                    yield everywhere().add(peaks.sub(peaks.detach()).mul(open));
                }
            };
        }

        private Tensor everywhere() {
            return Tensors.of(used(), Tensors.type(g), g.size(2)).expand_as(g);
        }

        SliceMask sliceMask(Kind kind, SliceSite site) {
            float[] sources = Tensors.toFloats(r);
            int each = (int) (g.size(1) * g.size(2));
            return switch (kind) {
                case IMPORTANCE -> new SliceMask.Importance();
                case STOCHASTIC -> new SliceMask.Stochastic(sources(site, sources, each));
                case BINARY -> new SliceMask.Binary(sources(site, sources, each));
                case EVERYWHERE -> new SliceMask.Everywhere(site.everywhere(used()));
                case USED -> new SliceMask.Used(site.everywhere(used()), site.toPeaks());
            };
        }

        private static SliceMask.Sources sources(SliceSite site, float[] sources, int each) {
            return site.sources((i, into) -> System.arraycopy(sources, i * each, into, 0, each));
        }
    }

    @Test
    void gradientsOfPassesAddUpAndAnInputWithoutGraphGetsNone() {
        Scopes.run(() -> {
            Leaves one = new Leaves(Type.FLOAT, 2, 6, 4, 5, 6);
            Leaves two = new Leaves(Type.FLOAT, 2, 6, 4, 5, 6);
            var once = new SliceSite(one.of.V(), one.of.U(), one.g, null);
            var twice = new SliceSite(two.of.V(), two.of.U(), two.g, null);
            Tensor x = one.a.detach();
            once.output(x, new SliceMask.Importance(), null, null, 0, null).sum().backward();
            once.backward();
            for (int pass = 0; pass < 2; pass++) {
                twice.output(x, new SliceMask.Importance(), null, null, 0, null).sum().backward();
            }
            twice.backward();
            assertThat(x.grad().defined()).isFalse();
            for (var pair :
                    List.of(
                            List.of(one.of.V(), two.of.V()),
                            List.of(one.of.U(), two.of.U()),
                            List.of(one.g, two.g))) {
                Tensor doubled = pair.getFirst().grad().mul(2);
                same("twice", pair.getLast().grad(), doubled.to(Type.DOUBLE));
            }
        });
    }

    @Test
    void onlyNarrowSquareSitesAreTakenByTheKernel() {
        Scopes.run(() -> {
            assertThat(taken(Type.FLOAT, 16, 16)).isTrue();
            assertThat(taken(Type.FLOAT, 16, 32)).isFalse();
            assertThat(taken(Type.FLOAT, 768, 768)).isFalse();
            assertThat(taken(Type.DOUBLE, 16, 16)).isFalse();
        });
    }

    private static boolean taken(Type type, int in, int out) {
        return Fused.ENGINE.narrowSite(
                        Tensors.zeros(type, in, 3),
                        Tensors.zeros(type, 3, out),
                        Tensors.zeros(type, 1, 2, 3),
                        null)
                != null;
    }
}
