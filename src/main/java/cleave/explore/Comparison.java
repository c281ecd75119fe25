package cleave.explore;

import cleave.analysis.PromptRun;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Which subcomponents of a run are those of another one, by both of their vectors.
///
/// The likeness of two is `|cos V| |cos U|`, the cosine of the matrices that they are, without its
/// sign.
///
/// @param enough the likeness from which on two are called alike
/// @param sites that both runs decompose, in this run's order
/// @param pairs every subcomponent of this run on these sites with the one most like it
record Comparison(double enough, List<SiteLine> sites, List<Pair> pairs) {
    private static final double ENOUGH = 0.7;

    /// A site.
    ///
    /// @param pieces of this run
    /// @param others of the other one
    /// @param like the share of this run's pieces that are like one of the other's
    /// @param chance the same for the other's pieces in random directions
    /// @param median of the likenesses
    record SiteLine(
            String site, int pieces, int others, double like, double chance, double median) {}

    /// A subcomponent and the one most like it.
    ///
    /// @param piece `SITE:INDEX` of this run
    /// @param match of the other
    /// @param likeness of the two
    /// @param reads `|cos V|`
    /// @param writes `|cos U|`
    /// @param mutual whether this one is also the most like that one
    record Pair(
            String piece,
            String match,
            double likeness,
            double reads,
            double writes,
            boolean mutual) {}

    /// The vectors of one site at length 1, as numbers that need no model.
    ///
    /// @param names of the living subcomponents
    /// @param V `[C * d_in]`
    /// @param U `[C * d_out]`
    private record Vectors(List<String> names, double[] V, double[] U) {}

    /// Compares two runs.
    ///
    /// @throws UserError when they have no site of the same name and size
    static Comparison of(Models models, Path run, Path other, Jobs.Watch watch) {
        Map<String, Vectors> theirs = vectors(models.run(other, watch));
        Map<String, Vectors> own = vectors(models.run(run, watch));
        List<SiteLine> sites = new ArrayList<>();
        List<Pair> pairs = new ArrayList<>();
        List<String> shared =
                own.keySet().stream()
                        .filter(site -> isShared(own.get(site), theirs.get(site)))
                        .toList();
        if (shared.isEmpty()) {
            throw new UserError(
                    "runs must decompose a site of the same name and size, got %s and %s"
                            .formatted(own.keySet(), theirs.keySet()));
        }
        for (String site : shared) {
            watch.step((double) sites.size() / shared.size(), "comparing " + site);
            Vectors mine = Objects.requireNonNull(own.get(site));
            Vectors others = Objects.requireNonNull(theirs.get(site));
            Scopes.run(() ->
                    Scopes.withoutGradient(() -> {
                        compare(site, mine, others, sites, pairs);
                        return true;
                    }));
        }
        return new Comparison(ENOUGH, sites, pairs);
    }

    private static boolean isShared(@Nullable Vectors one, @Nullable Vectors other) {
        return one != null
                && other != null
                && !one.names().isEmpty()
                && !other.names().isEmpty()
                && one.V().length / one.names().size() == other.V().length / other.names().size()
                && one.U().length / one.names().size() == other.U().length / other.names().size();
    }

    private static Map<String, Vectors> vectors(PromptRun run) {
        Decomposition decomposition = run.loaded().decomposition();
        Map<String, Vectors> vectors = new LinkedHashMap<>();
        for (DecomposedSite site : decomposition.sites()) {
            Scopes.run(() -> {
                Subcomponents parts = decomposition.subcomponents(site);
                vectors.put(
                        site.name(),
                        new Vectors(
                                site.living().stream().map(c -> site.name() + ":" + c).toList(),
                                unit(parts.V().detach().t()),
                                unit(parts.U().detach())));
            });
        }
        return vectors;
    }

    /// Rows `[C, d]` at length 1, those of 0 as they are.
    private static double[] unit(Tensor rows) {
        int count = (int) rows.size(0);
        double[] numbers = Tensors.toDoubles(rows.contiguous());
        int width = count == 0 ? 0 : numbers.length / count;
        for (int row = 0; row < count; row++) {
            double sum = 0;
            for (int i = row * width; i < (row + 1) * width; i++) {
                sum += numbers[i] * numbers[i];
            }
            double norm = sum == 0 ? 1 : Math.sqrt(sum);
            for (int i = row * width; i < (row + 1) * width; i++) {
                numbers[i] /= norm;
            }
        }
        return numbers;
    }

    private static void compare(
            String site, Vectors own, Vectors theirs, List<SiteLine> sites, List<Pair> pairs) {
        int n = own.names().size();
        int m = theirs.names().size();
        double[] reads = cosines(own.V(), theirs.V(), n, m);
        double[] writes = cosines(own.U(), theirs.U(), n, m);
        double[] likeness = products(reads, writes);
        int[] best = best(likeness, n, m);
        int[] back = new int[m];
        for (int j = 0; j < m; j++) {
            for (int i = 1; i < n; i++) {
                back[j] = likeness[i * m + j] > likeness[back[j] * m + j] ? i : back[j];
            }
        }
        double[] found = new double[n];
        for (int i = 0; i < n; i++) {
            int at = i * m + best[i];
            found[i] = likeness[at];
            pairs.add(
                    new Pair(
                            own.names().get(i),
                            theirs.names().get(best[i]),
                            Prompt.brief(likeness[at]),
                            Prompt.brief(reads[at]),
                            Prompt.brief(writes[at]),
                            back[best[i]] == i));
        }
        Draws.Key key = Draws.key(0, Draws.Purpose.EVALUATION).with("comparison").with(site);
        double[] random =
                products(
                        cosines(own.V(), drawn(key.with("V"), theirs.V().length, m), n, m),
                        cosines(own.U(), drawn(key.with("U"), theirs.U().length, m), n, m));
        int[] bestOfRandom = best(random, n, m);
        double[] chance = new double[n];
        Arrays.setAll(chance, i -> random[i * m + bestOfRandom[i]]);
        Arrays.sort(found);
        sites.add(
                new SiteLine(
                        site,
                        n,
                        m,
                        share(found),
                        share(chance),
                        Prompt.brief((found[(n - 1) / 2] + found[n / 2]) / 2)));
    }

    private static double share(double... likenesses) {
        return Arrays.stream(likenesses).filter(each -> each > ENOUGH).count()
                / (double) likenesses.length;
    }

    private static double[] drawn(Draws.Key key, int numbers, int rows) {
        return unit(key.normal(1, Type.DOUBLE, rows, numbers / rows));
    }

    /// `|cos|` of each row of one with each of another, `[n * m]`.
    private static double[] cosines(double[] one, double[] other, int n, int m) {
        Tensor left = Tensors.of(one, Type.DOUBLE, n, one.length / n);
        Tensor right = Tensors.of(other, Type.DOUBLE, m, other.length / m);
        return Tensors.toDoubles(left.matmul(right.t()).abs().contiguous());
    }

    private static double[] products(double[] one, double[] other) {
        double[] products = new double[one.length];
        Arrays.setAll(products, i -> one[i] * other[i]);
        return products;
    }

    /// The place of the largest number of each row.
    private static int[] best(double[] numbers, int n, int m) {
        int[] best = new int[n];
        for (int i = 0; i < n; i++) {
            for (int j = 1; j < m; j++) {
                best[i] = numbers[i * m + j] > numbers[i * m + best[i]] ? j : best[i];
            }
        }
        return best;
    }
}
