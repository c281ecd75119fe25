package cleave.harvest;

import cleave.analysis.Importances;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.model.Clean;
import cleave.run.LoadedRun;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Two decompositions of one target: which subcomponents of the one are which of the other.
///
/// Subcomponents of a site are matched one to one in two ways that know nothing of each other: by
/// their vectors, where two are alike by `|cos V| |cos U|`, the cosine of the matrices `U_c V_c`
/// without its sign; and by the cosine of their importances over a text. Those that are active at
/// no position of it are left out.
///
/// @param first name of the one run
/// @param other name of the other
/// @param positions of the text
/// @param all sites together
/// @param sites those that both decompose
/// @param pieces of the first, in the order of sites
public record Comparison(
        String first,
        String other,
        long positions,
        Likeness all,
        List<SiteLikeness> sites,
        List<Piece> pieces) {

    /// A subcomponent is active where its importance is above this, unless asked otherwise.
    public static final double THRESHOLD = 0.5;

    private static final long SLICE_NUMBERS = 2_000_000;
    private static final int MOST_ROWS = 64;

    /// Keeps its own lists.
    public Comparison {
        sites = List.copyOf(sites);
        pieces = List.copyOf(pieces);
    }

    /// How alike matched pairs are.
    ///
    /// @param first active subcomponents of the one run
    /// @param other of the other
    /// @param pairs the lesser of the two
    /// @param vectors how alike the vectors of the pairs are that are matched by vectors
    /// @param importances how alike the importances of the pairs are that are matched by
    ///   importances
    /// @param importancesOfVectors the importances of the pairs that are matched by vectors
    /// @param vectorsOfImportances the vectors of the pairs that are matched by importances
    /// @param same the share of pairs that both ways match
    public record Likeness(
            int first,
            int other,
            int pairs,
            Level vectors,
            Level importances,
            Level importancesOfVectors,
            Level vectorsOfImportances,
            double same) {}

    /// A mean over pairs and what chance gives; NaN where there are no pairs.
    ///
    /// @param mean over the pairs
    /// @param shuffled the same where partners are shuffled
    /// @param matched the same where nothing is alike and the best pairs are matched all the same:
    ///   the other's coordinates, or positions, are shuffled before; null where pairs were matched
    ///   by something else
    public record Level(double mean, double shuffled, @Nullable Double matched) {}

    /// How alike pairs of one site are.
    public record SiteLikeness(String site, Likeness likeness) {}

    /// A subcomponent of the first run.
    ///
    /// @param id `SITE:INDEX`
    /// @param byVectors its partner by vectors; null where there was none left
    /// @param vectors how alike their vectors are
    /// @param importances how alike their importances are
    /// @param byImportances its partner by importances
    public record Piece(
            String id,
            @Nullable String byVectors,
            @Nullable Double vectors,
            @Nullable Double importances,
            @Nullable String byImportances) {}

    /// What is wrong with comparing runs; nothing where all are of one target.
    ///
    /// @param runs run directories, or checkpoints in them
    public static List<String> problems(List<Path> runs) {
        List<String> problems = new ArrayList<>();
        Set<String> targets = new LinkedHashSet<>();
        for (Path run : runs) {
            try {
                targets.add(LoadedRun.targetOf(run));
            } catch (UserError wrong) {
                problems.add(String.valueOf(wrong.getMessage()));
            }
        }
        if (targets.size() > 1) {
            problems.add(
                    "runs must be of one target, got %d with other weights\nhint: vectors of other weights have nothing in common"
                            .formatted(targets.size()));
        }
        return problems;
    }

    /// Compares a run with another.
    ///
    /// @param threshold a subcomponent is active where its importance is above it
    /// @param progress is told how many tokens are done
    /// @throws UserError when the runs share no site, or the text cannot be used
    public static Comparison of(
            LoadedRun first,
            String firstName,
            LoadedRun other,
            String otherName,
            TextChoice choice,
            double threshold,
            LongConsumer progress)
            throws IOException {
        RunText text = new RunText(first, choice, "compare");
        int most = other.decomposition().function().maximumLength();
        if (text.length() > most) {
            throw new UserError(
                    "rows must have at most %d tokens for %s, got %d\nhint: --text with --length %d"
                            .formatted(most, otherName, text.length(), most));
        }
        List<Matching> sites = new ArrayList<>();
        for (DecomposedSite site : first.decomposition().sites()) {
            other.decomposition().sites().stream()
                    .filter(each -> each.name().equals(site.name()))
                    .findFirst()
                    .ifPresent(same -> sites.add(new Matching(site, same)));
        }
        if (sites.isEmpty()) {
            throw new UserError(
                    "runs must decompose a site in common, got %s and %s"
                            .formatted(names(first.decomposition()), names(other.decomposition())));
        }
        long wide =
                Math.max(
                        first.decomposition().sites().stream().mapToLong(s -> s.count()).sum(),
                        other.decomposition().sites().stream().mapToLong(s -> s.count()).sum());
        TextRows rows = text.rows(Math.clamp(SLICE_NUMBERS / (text.length() * wide), 1, MOST_ROWS));
        long positions = 0;
        try {
            for (var next = rows.next(); next != null; next = rows.next()) {
                TextRows.Rows these = next;
                long done = positions;
                Scopes.run(() ->
                        Scopes.withoutGradient(() -> {
                            add(first, other, RunText.Slice.of(these), done, threshold, sites);
                            return null;
                        }));
                positions += these.count();
                progress.accept(positions);
            }
        } finally {
            RunText.close(rows);
        }
        List<Matched> matched = new ArrayList<>();
        for (Matching site : sites) {
            matched.add(
                    Scopes.run(() -> site.matched(first.decomposition(), other.decomposition())));
        }
        return new Comparison(
                firstName,
                otherName,
                positions,
                Matched.likeness(matched),
                matched.stream()
                        .map(each -> new SiteLikeness(each.site(), Matched.likeness(List.of(each))))
                        .toList(),
                matched.stream().flatMap(each -> each.pieces().stream()).toList());
    }

    private static List<String> names(Decomposition decomposition) {
        return decomposition.sites().stream().map(DecomposedSite::name).toList();
    }

    private static void add(
            LoadedRun first,
            LoadedRun other,
            RunText.Slice slice,
            long done,
            double threshold,
            List<Matching> sites) {
        long[] valid =
                IntStream.range(0, slice.valid().length)
                        .filter(cell -> slice.valid()[cell])
                        .asLongStream()
                        .toArray();
        if (valid.length == 0) {
            return;
        }
        Tensor cells = Tensors.of(valid, valid.length);
        Tensor mixed = Tensors.of(order(valid.length, "positions", done), valid.length);
        List<Tensor> one = importances(first, slice);
        List<Tensor> two = importances(other, slice);
        List<String> ones = names(first.decomposition());
        List<String> twos = names(other.decomposition());
        for (Matching site : sites) {
            Tensor a = one.get(ones.indexOf(site.name())).flatten(0, 1).index_select(0, cells);
            Tensor b = two.get(twos.indexOf(site.name())).flatten(0, 1).index_select(0, cells);
            site.add(a, b, b.index_select(0, mixed), threshold);
        }
    }

    private static List<Tensor> importances(LoadedRun run, RunText.Slice slice) {
        Clean clean = run.decomposition().target().clean(slice.batch());
        return Importances.of(run.decomposition(), clean, slice.batch());
    }

    /// Whole numbers below a bound in a drawn order.
    private static long[] order(int count, String what, long word) {
        Draws.Key key =
                Draws.key(0, Draws.Purpose.EVALUATION).with("compare").with(what).with(word);
        long[] order = new long[count];
        Arrays.setAll(order, i -> i);
        for (int i = count - 1; i > 0; i--) {
            int j = key.below(i + 1, i);
            long kept = order[i];
            order[i] = order[j];
            order[j] = kept;
        }
        return order;
    }

    /// Sums over a text at one site.
    private static final class Matching {
        private final DecomposedSite first;
        private final DecomposedSite other;
        private final double[] products; // [first, other]
        private final double[] mixed; // the same with positions of the other shuffled
        private final double[] firstSquares;
        private final double[] otherSquares;
        private final boolean[] firstActive;
        private final boolean[] otherActive;

        Matching(DecomposedSite first, DecomposedSite other) {
            this.first = first;
            this.other = other;
            products = new double[first.count() * other.count()];
            mixed = new double[products.length];
            firstSquares = new double[first.count()];
            otherSquares = new double[other.count()];
            firstActive = new boolean[first.count()];
            otherActive = new boolean[other.count()];
        }

        String name() {
            return first.name();
        }

        /// @param a `[N, C]` importances of the first
        /// @param b `[N, C]` of the other
        /// @param shuffled the same at other positions
        void add(Tensor a, Tensor b, Tensor shuffled, double threshold) {
            add(products, a.t().matmul(b));
            add(mixed, a.t().matmul(shuffled));
            add(firstSquares, a.square().sum(0));
            add(otherSquares, b.square().sum(0));
            activate(firstActive, a, threshold);
            activate(otherActive, b, threshold);
        }

        private static void add(double[] to, Tensor numbers) {
            double[] more = Tensors.toDoubles(numbers.contiguous());
            for (int i = 0; i < to.length; i++) {
                to[i] += more[i];
            }
        }

        private static void activate(boolean[] active, Tensor g, double threshold) {
            double[] most = Tensors.toDoubles(g.amax(0));
            for (int i = 0; i < active.length; i++) {
                active[i] |= most[i] > threshold;
            }
        }

        Matched matched(Decomposition one, Decomposition two) {
            int[] rows = places(firstActive);
            int[] columns = places(otherActive);
            Subcomponents a = one.subcomponents(first);
            Subcomponents b = two.subcomponents(other);
            double[][] vectors = part(alike(a.V(), b.V(), a.U().t(), b.U().t()), rows, columns);
            Tensor readOrder = order(b.V().size(0), "reads");
            Tensor writeOrder = order(b.U().size(1), "writes");
            double[][] byChance =
                    part(
                            alike(
                                    a.V(),
                                    b.V().index_select(0, readOrder),
                                    a.U().t(),
                                    b.U().t().index_select(0, writeOrder)),
                            rows,
                            columns);
            return new Matched(
                    name(),
                    ids(first, rows),
                    ids(other, columns),
                    vectors,
                    byChance,
                    part(cosines(products), rows, columns),
                    part(cosines(mixed), rows, columns));
        }

        private Tensor order(long count, String what) {
            return Tensors.of(Comparison.order((int) count, name() + what, 0), count);
        }

        private static List<String> ids(DecomposedSite site, int... places) {
            return Arrays.stream(places)
                    .mapToObj(place -> site.name() + ":" + site.living().get(place))
                    .toList();
        }

        private static int[] places(boolean... active) {
            return IntStream.range(0, active.length).filter(i -> active[i]).toArray();
        }

        /// `|cos V| |cos U|` of columns.
        private double[] alike(Tensor V, Tensor otherV, Tensor U, Tensor otherU) {
            return Tensors.toDoubles(
                    unit(V).t()
                            .matmul(unit(otherV))
                            .mul(unit(U).t().matmul(unit(otherU)))
                            .abs()
                            .contiguous());
        }

        private static Tensor unit(Tensor columns) {
            return columns.div(columns.square().sum(new long[] {0}, true).sqrt().clamp_min(1e-30));
        }

        private double[] cosines(double[] sums) {
            double[] cosines = new double[sums.length];
            for (int i = 0; i < cosines.length; i++) {
                double sizes =
                        Math.sqrt(
                                firstSquares[i / other.count()] * otherSquares[i % other.count()]);
                cosines[i] = sizes == 0 ? 0 : sums[i] / sizes;
            }
            return cosines;
        }

        private double[][] part(double[] all, int[] rows, int[] columns) {
            double[][] part = new double[rows.length][columns.length];
            for (int i = 0; i < rows.length; i++) {
                for (int j = 0; j < columns.length; j++) {
                    part[i][j] = all[rows[i] * other.count() + columns[j]];
                }
            }
            return part;
        }
    }

    /// Both matchings of a site.
    ///
    /// @param first active subcomponents of the one
    /// @param other of the other
    /// @param vectors `[first][other]` how alike their vectors are
    /// @param noVectors the same with the coordinates of the other shuffled
    /// @param importances how alike their importances are
    /// @param noImportances the same with the positions of the other shuffled
    private record Matched(
            String site,
            List<String> first,
            List<String> other,
            double[][] vectors,
            double[][] noVectors,
            double[][] importances,
            double[][] noImportances,
            int[] byVectors,
            int[] byImportances) {

        Matched(
                String site,
                List<String> first,
                List<String> other,
                double[][] vectors,
                double[][] noVectors,
                double[][] importances,
                double[][] noImportances) {
            this(
                    site,
                    first,
                    other,
                    vectors,
                    noVectors,
                    importances,
                    noImportances,
                    Assignment.of(vectors),
                    Assignment.of(importances));
        }

        private int pairs() {
            return Math.min(first.size(), other.size());
        }

        private static double sum(double[][] worth, int[] partners) {
            double sum = 0;
            for (int i = 0; i < partners.length; i++) {
                sum += partners[i] < 0 ? 0 : worth[i][partners[i]];
            }
            return sum;
        }

        /// What pairs would add up to if partners were shuffled: the mean of all.
        private double shuffled(double[][] worth) {
            double sum = 0;
            for (double[] row : worth) {
                sum += Arrays.stream(row).sum();
            }
            return first.isEmpty() || other.isEmpty()
                    ? 0
                    : sum / first.size() / other.size() * pairs();
        }

        private int same() {
            return (int)
                    IntStream.range(0, byVectors.length)
                            .filter(i -> byVectors[i] >= 0 && byVectors[i] == byImportances[i])
                            .count();
        }

        static Likeness likeness(List<Matched> sites) {
            int pairs = sites.stream().mapToInt(Matched::pairs).sum();
            double by = pairs == 0 ? Double.NaN : pairs;
            double vectors = 0;
            double importances = 0;
            double importancesOfVectors = 0;
            double vectorsOfImportances = 0;
            double anyVectors = 0;
            double anyImportances = 0;
            double noVectors = 0;
            double noImportances = 0;
            int same = 0;
            for (Matched site : sites) {
                vectors += sum(site.vectors, site.byVectors);
                importances += sum(site.importances, site.byImportances);
                importancesOfVectors += sum(site.importances, site.byVectors);
                vectorsOfImportances += sum(site.vectors, site.byImportances);
                anyVectors += site.shuffled(site.vectors);
                anyImportances += site.shuffled(site.importances);
                noVectors += sum(site.noVectors, Assignment.of(site.noVectors));
                noImportances += sum(site.noImportances, Assignment.of(site.noImportances));
                same += site.same();
            }
            return new Likeness(
                    sites.stream().mapToInt(site -> site.first.size()).sum(),
                    sites.stream().mapToInt(site -> site.other.size()).sum(),
                    pairs,
                    new Level(vectors / by, anyVectors / by, noVectors / by),
                    new Level(importances / by, anyImportances / by, noImportances / by),
                    new Level(importancesOfVectors / by, anyImportances / by, null),
                    new Level(vectorsOfImportances / by, anyVectors / by, null),
                    same / by);
        }

        List<Piece> pieces() {
            List<Piece> pieces = new ArrayList<>();
            for (int i = 0; i < first.size(); i++) {
                int partner = byVectors[i];
                int alike = byImportances[i];
                pieces.add(
                        new Piece(
                                first.get(i),
                                partner < 0 ? null : other.get(partner),
                                partner < 0 ? null : vectors[i][partner],
                                partner < 0 ? null : importances[i][partner],
                                alike < 0 ? null : other.get(alike)));
            }
            return pieces;
        }
    }

    /// The pieces whose partners are most alike by vectors.
    ///
    /// @param most how many
    public List<Piece> closest(int most) {
        return pieces.stream()
                .filter(piece -> piece.vectors() != null)
                .sorted(
                        Comparator.comparingDouble((Piece piece) ->
                                        piece.vectors() == null ? 0 : -piece.vectors())
                                .thenComparing(Piece::id))
                .limit(most)
                .toList();
    }
}
