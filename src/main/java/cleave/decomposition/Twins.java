package cleave.decomposition;

import cleave.config.Above;
import cleave.config.AtLeast;
import cleave.config.AtMost;
import cleave.config.Default;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/// Finds twins, two subcomponents of a site of which one is on only where the other is, and that
/// write what one could wherever either is on, and hands the work of both to one of them without
/// changing their sum (spec W1 to W5).
///
/// No loss prefers one subcomponent to two that are on together. After a handover one of them has
/// next to nothing to do, and importance minimality can turn it off.
public final class Twins {
    private final long count;
    private final Tensor minima; // sum of min(g_i, g_j), [C, C]
    private final Tensor on; // sum of g_i, [C]
    private final Tensor squares; // sum of w_ij h_i^2, w = g_i + g_j - g_i g_j, [C, C]
    private final Tensor products; // sum of w_ij h_i h_j, [C, C]

    /// When twins are looked for, and what counts as twins.
    ///
    /// @param every steps between two searches
    /// @param start of the searches, as a share of the run
    /// @param end of the searches, as a share of the run
    /// @param overlap smallest `sum min(g_i, g_j) / min(sum g_i, sum g_j)` of twins
    /// @param share largest share of their joint output that one axis leaves
    /// @param shut minus the largest pre-activation that a freed one keeps on the examples of the
    ///   search when at most `share` is left to it; absent, its gate stays
    public record Settings(
            @AtLeast(1) @Default("50") long every,
            @AtLeast(0) @AtMost(1) @Default("0.15") double start,
            @AtLeast(0) @AtMost(1) @Default("0.6") double end,
            @Above(0) @AtMost(1) @Default("0.8") double overlap,
            @AtLeast(0) @AtMost(0.5) @Default("0.02") double share,
            @Above(0) Optional<Double> shut) {

        /// Whether twins are looked for before this step.
        public boolean at(long step, long steps) {
            return step % every == 0 && step >= start * steps && step <= end * steps;
        }
    }

    /// One handover.
    ///
    /// @param kept the place of the subcomponent that takes the work
    /// @param freed the place of the one that gives it
    /// @param overlap of their importances
    /// @param share of their joint output that one axis leaves
    /// @param left share of their joint output that stays with the other
    /// @param reads whether the kept one goes on reading what it read (`U_k += f U_j`, `V_j -= f
    ///   V_k`), else it goes on writing what it wrote (`V_k += f V_j`, `U_j -= f U_k`)
    /// @param factor f
    public record Handover(
            int kept,
            int freed,
            double overlap,
            double share,
            double left,
            boolean reads,
            double factor) {}

    /// Nothing seen yet, of a site with C subcomponents.
    public Twins(int C) {
        count = C;
        minima = Tensors.zeros(Type.DOUBLE, C, C);
        on = Tensors.zeros(Type.DOUBLE, C);
        squares = Tensors.zeros(Type.DOUBLE, C, C);
        products = Tensors.zeros(Type.DOUBLE, C, C);
    }

    /// Adds some positions.
    ///
    /// @param importance `[..., C]` lower importances, 0 where a position does not count
    /// @param inner `[..., C]` inner activations `a V`
    public void add(Tensor importance, Tensor inner) {
        Scopes.run(() -> {
            Tensor g = importance.reshape(-1, count).to(Type.DOUBLE);
            Tensor h = inner.reshape(-1, count).to(Type.DOUBLE);
            Tensor gh = g.mul(h);
            on.add_(sum(g));
            Tensor ghh = gh.mul(h);
            squares.add_(sum(ghh).unsqueeze(1))
                    .add_(h.mul(h).t().matmul(g))
                    .sub_(ghh.t().matmul(g));
            products.add_(gh.t().matmul(h)).add_(h.t().matmul(gh)).sub_(gh.t().matmul(gh));
            for (long c = 0; c < count; c++) {
                long at = c;
                Scopes.run(() ->
                        minima.select(0, at).add_(sum(Tensors.minimum(g, g.narrow(1, at, 1)))));
            }
        });
    }

    private static Tensor sum(Tensor each) {
        return each.sum(0);
    }

    /// The handovers that these settings ask for; each subcomponent takes part in one at most.
    ///
    /// @param U `[C, d_out]`
    public List<Handover> handovers(Tensor U, Settings settings) {
        double[][] both = rows(minima);
        double[][] energies = rows(squares);
        double[][] inner = rows(products);
        double[][] write =
                Scopes.run(() -> {
                    Tensor exact = U.to(Type.DOUBLE);
                    return rows(exact.matmul(exact.t()));
                });
        double[] single = Tensors.toDoubles(on);
        List<Handover> found = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            for (int j = i + 1; j < count; j++) {
                double overlap = both[i][j] / Math.min(single[i], single[j]);
                if (overlap >= settings.overlap()) {
                    int kept = single[i] >= single[j] ? i : j;
                    int freed = kept == i ? j : i;
                    double keptOutput = energies[kept][freed] * write[kept][kept];
                    double freedOutput = energies[freed][kept] * write[freed][freed];
                    Handover handover = handover(kept, freed, overlap, energies, inner, write);
                    if (handover.share <= settings.share()
                            && (settings.shut().isPresent()
                                    || freedOutput > settings.share() * keptOutput)) {
                        found.add(handover);
                    }
                }
            }
        }
        found.sort(Comparator.comparingDouble(Handover::share));
        List<Handover> chosen = new ArrayList<>();
        boolean[] taken = new boolean[Math.toIntExact(count)];
        for (Handover each : found) {
            if (!taken[each.kept] && !taken[each.freed]) {
                taken[each.kept] = true;
                taken[each.freed] = true;
                chosen.add(each);
            }
        }
        return chosen;
    }

    private static Handover handover(
            int kept,
            int freed,
            double overlap,
            double[][] energies,
            double[][] inner,
            double[][] write) {
        double xx = energies[kept][freed];
        double yy = energies[freed][kept];
        double xy = inner[kept][freed];
        double uu = write[kept][kept];
        double ww = write[freed][freed];
        double uw = write[kept][freed];
        // The two eigenvalues of the joint output's second moment.
        double trace = xx * uu + 2 * xy * uw + yy * ww;
        double determinant = Math.max(0, xx * yy - xy * xy) * Math.max(0, uu * ww - uw * uw);
        double larger = (trace + Math.sqrt(Math.max(0, trace * trace - 4 * determinant))) / 2;
        double share = determinant / larger / trace;
        double afterReading = ww * (yy - xy * xy / xx);
        double afterWriting = yy * (ww - uw * uw / uu);
        boolean reads = afterReading <= afterWriting;
        double left = Math.max(0, reads ? afterReading : afterWriting) / trace;
        return new Handover(kept, freed, overlap, share, left, reads, reads ? xy / xx : uw / uu);
    }

    /// Carries out a handover: `V_k U_k + V_j U_j` stays.
    ///
    /// @param V `[d_in, C]`, changed
    /// @param U `[C, d_out]`, changed
    public static void handOverInPlace(Handover handover, Tensor V, Tensor U) {
        Scopes.run(() -> {
            Tensor keptV = V.select(1, handover.kept);
            Tensor freedV = V.select(1, handover.freed);
            Tensor keptU = U.select(0, handover.kept);
            Tensor freedU = U.select(0, handover.freed);
            double factor = handover.factor;
            double less = -handover.factor;
            if (handover.reads) {
                keptU.add_(freedU, factor);
                freedV.add_(keptV, less);
            } else {
                keptV.add_(freedV, factor);
                freedU.add_(keptU, less);
            }
        });
    }

    private static double[][] rows(Tensor square) {
        double[] all = Tensors.toDoubles(square);
        int size = Math.toIntExact(square.size(0));
        return IntStream.range(0, size)
                .mapToObj(i -> Arrays.copyOfRange(all, i * size, (i + 1) * size))
                .toArray(double[][]::new);
    }
}
