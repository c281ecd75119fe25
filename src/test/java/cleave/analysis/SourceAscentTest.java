package cleave.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.decomposition.Decomposition;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.VectorMlp;
import cleave.loss.Divergence;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Target;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.LinearTarget;
import cleave.testing.Toy;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The ascent on two linear maps one after the other, `x -> W2 (W1 x)`, each of three rank-one
/// pieces, against plain loops.
///
/// The output is linear in each single source, so its squared distance from the target's is convex
/// in each, and the worst sources are among the corners, each 0 or 1: with two sites of three
/// sources and a delta these are 2^8.
class SourceAscentTest {
    private static final int ROWS = 5;
    private static final int D = 2;
    private static final int C = 3;
    private static final List<String> SITES = List.of("linear1", "linear2");

    /// Sums of a dozen products in float64.
    private static final double ROUNDING = 1e-10;

    /// A decomposition, importances and inputs, as plain numbers.
    ///
    /// @param W `[2][D * D]` row by row
    /// @param V `[2][D * C]`
    /// @param U `[2][C * D]`
    /// @param g `[2][ROWS * C]` lower importances
    /// @param x `[ROWS * D]`
    private record Numbers(double[][] W, double[][] V, double[][] U, double[][] g, double[] x) {

        static Numbers drawn(long seed) {
            return new Numbers(
                    normals(seed, "W", D * D),
                    normals(seed, "V", D * C),
                    normals(seed, "U", C * D),
                    Arrays.stream(normals(seed, "g", ROWS * C))
                            .map(row -> Arrays.stream(row).map(Numbers::importance).toArray())
                            .toArray(double[][]::new),
                    normals(seed, "x", ROWS * D)[0]);
        }

        private static double[][] normals(long seed, String name, int count) {
            Draws.Key key = Draws.key(seed, Draws.Purpose.DATA).with(name);
            return new double[][] {key.with(0).normals(count), key.with(1).normals(count)};
        }

        /// Some 0, some 1, some between.
        private static double importance(double normal) {
            return Math.clamp(0.3 + 0.5 * normal, 0, 1);
        }

        /// The loss summed over rows under sources `[site][C]` and delta masks `[site]`: mean over
        /// outputs of the squared distance.
        double loss(double[][] r, double[] deltas, WeightDelta weightDelta) {
            double sum = 0;
            for (int row = 0; row < ROWS; row++) {
                double[] clean = {x[row * D], x[row * D + 1]};
                double[] masked = clean.clone();
                for (int site = 0; site < 2; site++) {
                    clean = map(W[site], clean);
                    double d =
                            switch (weightDelta) {
                                case NONE -> 0;
                                case STOCHASTIC -> deltas[site];
                                case ON -> 1;
                            };
                    masked = masked(site, row, masked, r[site], d);
                }
                for (int out = 0; out < D; out++) {
                    sum += (masked[out] - clean[out]) * (masked[out] - clean[out]) / D;
                }
            }
            return sum;
        }

        private static double[] map(double[] W, double[] in) {
            double[] out = new double[D];
            for (int o = 0; o < D; o++) {
                for (int i = 0; i < D; i++) {
                    out[o] += W[o * D + i] * in[i];
                }
            }
            return out;
        }

        /// `d W in + sum_c (m_c - d) (in . V_c) U_c`: the weight delta is W less all pieces.
        private double[] masked(int site, int row, double[] in, double[] r, double d) {
            double[] out = map(W[site], in);
            for (int o = 0; o < D; o++) {
                out[o] *= d;
            }
            for (int c = 0; c < C; c++) {
                double importance = g[site][row * C + c];
                double mask = importance + (1 - importance) * r[c];
                double read = 0;
                for (int i = 0; i < D; i++) {
                    read += in[i] * V[site][i * C + c];
                }
                for (int o = 0; o < D; o++) {
                    out[o] += (mask - d) * read * U[site][c * D + o];
                }
            }
            return out;
        }

        /// The largest loss over all corners.
        double worst(WeightDelta weightDelta) {
            double worst = 0;
            for (int corner = 0; corner < 1 << (2 * (C + 1)); corner++) {
                double[][] r = new double[2][C];
                double[] deltas = new double[2];
                for (int site = 0; site < 2; site++) {
                    for (int c = 0; c < C; c++) {
                        r[site][c] = corner >> (site * (C + 1) + c) & 1;
                    }
                    deltas[site] = corner >> (site * (C + 1) + C) & 1;
                }
                worst = Math.max(worst, loss(r, deltas, weightDelta));
            }
            return worst;
        }
    }

    /// The same in tensors, as two parts of 3 and 2 rows.
    private static List<SourceAscent.Part> parts(
            Numbers numbers, Decomposition decomposition, WeightDelta weightDelta) {
        return List.of(
                part(numbers, decomposition, weightDelta, 0, 3),
                part(numbers, decomposition, weightDelta, 3, 2));
    }

    private static SourceAscent.Part part(
            Numbers numbers, Decomposition decomposition, WeightDelta delta, int first, int rows) {
        Target target = decomposition.target();
        Batch all =
                new Batch(
                        "given",
                        0,
                        Tensors.of(numbers.x(), Type.DOUBLE, ROWS, 1, D),
                        null,
                        Batch.LossPositions.last(ROWS, 1, null));
        Batch batch = all.rows(first, rows);
        Clean clean = target.clean(batch);
        List<Tensor> lower =
                Arrays.stream(numbers.g())
                        .map(g -> Tensors.of(g, Type.DOUBLE, ROWS, 1, C).narrow(0, first, rows))
                        .toList();
        return new SourceAscent.Part(
                () -> new MaskedForward(decomposition, batch, clean, lower, delta),
                Divergence.from(target.outputs(), clean.outputs(), null));
    }

    private static Decomposition decomposition(Numbers numbers) {
        LinearTarget target =
                LinearTarget.of(
                        Tensors.of(numbers.W()[0], Type.DOUBLE, D, D),
                        Tensors.of(numbers.W()[1], Type.DOUBLE, D, D));
        SortedMap<String, Tensor> tensors = new TreeMap<>();
        for (int site = 0; site < 2; site++) {
            String name = SITES.get(site);
            tensors.put(name + ".V", Tensors.of(numbers.V()[site], Type.DOUBLE, D, C));
            tensors.put(name + ".U", Tensors.of(numbers.U()[site], Type.DOUBLE, C, D));
        }
        return new Decomposition(
                target, Toy.sites(target, C), new VectorMlp(1), Leak.SIGN_GATED, tensors);
    }

    private static Masking.Sources start(Decomposition decomposition, long seed) {
        return AdversarialReconstruction.uniform(
                decomposition, Draws.key(seed, Draws.Purpose.EVALUATION));
    }

    private static double[][] sources(Masking.Sources shared) {
        return shared.sources().stream().map(Tensors::toDoubles).toArray(double[][]::new);
    }

    private static double[] deltas(Masking.Sources shared) {
        return shared.deltas().stream().mapToDouble(Tensors::number).toArray();
    }

    @ParameterizedTest
    @EnumSource
    void reachesTheWorstCornerAndNothingBeyond(WeightDelta weightDelta) {
        int reached = 0;
        for (long seed = 0; seed < 20; seed++) {
            Numbers numbers = Numbers.drawn(seed);
            double worst = numbers.worst(weightDelta);
            double found = search(numbers, seed, weightDelta);

            assertThat(found).as("seed %d", seed).isLessThanOrEqualTo(worst * (1 + ROUNDING));
            reached += found >= worst * (1 - ROUNDING) ? 1 : 0;
        }
        // Ascent from one start may end at a lesser corner.
        assertThat(reached).isGreaterThanOrEqualTo(12);
    }

    private static double search(Numbers numbers, long seed, WeightDelta weightDelta) {
        return Scopes.run(() -> {
            Decomposition decomposition = decomposition(numbers);
            SourceAscent ascent =
                    new SourceAscent(
                            parts(numbers, decomposition, weightDelta), start(decomposition, seed));
            for (int step = 0; step < 20; step++) {
                ascent.step();
            }
            ascent.measure();
            // What is remembered belongs together.
            assertThat(numbers.loss(sources(ascent.worst()), deltas(ascent.worst()), weightDelta))
                    .isCloseTo(ascent.largest(), within(ROUNDING * ascent.largest()));
            return ascent.largest();
        });
    }

    @Test
    void aStepFollowsTheSignOfTheDifferenceQuotient() {
        Numbers numbers = Numbers.drawn(3);
        Scopes.run(() -> {
            Decomposition decomposition = decomposition(numbers);
            Masking.Sources moving = start(decomposition, 3);
            double[][] r = sources(moving);
            double[] d = deltas(moving);
            SourceAscent ascent =
                    new SourceAscent(parts(numbers, decomposition, WeightDelta.STOCHASTIC), moving);

            ascent.step();

            double h = 1e-6;
            for (int site = 0; site < 2; site++) {
                for (int c = 0; c <= C; c++) {
                    double[][] up = {r[0].clone(), r[1].clone()};
                    double[] upDelta = d.clone();
                    double before = c < C ? r[site][c] : d[site];
                    if (c < C) {
                        up[site][c] += h;
                    } else {
                        upDelta[site] += h;
                    }
                    double slope =
                            numbers.loss(up, upDelta, WeightDelta.STOCHASTIC)
                                    - numbers.loss(r, d, WeightDelta.STOCHASTIC);
                    double after = c < C ? sources(moving)[site][c] : deltas(moving)[site];
                    assertThat(after)
                            .isCloseTo(
                                    Math.clamp(before + 0.1 * Math.signum(slope), 0, 1),
                                    within(1e-12));
                }
            }
        });
    }

    @Test
    void sourcesThatNoMaskReadsStay() {
        Numbers drawn = Numbers.drawn(5);
        double[][] ones = {new double[ROWS * C], new double[ROWS * C]};
        Arrays.stream(ones).forEach(row -> Arrays.fill(row, 1));
        Numbers numbers = new Numbers(drawn.W(), drawn.V(), drawn.U(), ones, drawn.x());
        Scopes.run(() -> {
            Decomposition decomposition = decomposition(numbers);
            Masking.Sources moving = start(decomposition, 5);
            double[][] before = sources(moving);
            SourceAscent ascent =
                    new SourceAscent(parts(numbers, decomposition, WeightDelta.NONE), moving);

            ascent.step();

            // With importance 1 the mask is 1 whatever the source.
            assertThat(sources(moving)).isDeepEqualTo(before);
        });
    }
}
