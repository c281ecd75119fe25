package cleave.harvest;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Everything that a harvest adds up, in whole numbers, so that neither the order of slices nor how
/// they were dealt out to parts changes anything.
///
/// Pieces are the living subcomponents, counted over all sites. A piece is active at a position
/// where its importance is above the threshold, and on at all where it is above 0.
final class HarvestSums {
    /// Tokens shown before and after an example's own.
    private static final int BEFORE = 40;

    private static final int AFTER = 15;

    /// An importance of 1 in the sums of importances.
    private static final double ONE = 0x1p32;

    private final int[][] pieceAt; // [site][place], -1 where none lives
    private final int[] siteOf; // [piece]
    private final int[] placeOf; // [piece]
    private final int vocabulary;
    private final double threshold;

    private long rows;
    private long positions;
    private final long[] tokens; // [vocabulary] positions of each token
    private final long[] expected; // [vocabulary] positions at which it is expected next
    private final long[] active; // [piece] positions
    private final long[] activeRows; // [piece]
    private final long[] importance; // [piece] sum, in 2^-32
    private final long[] importances; // [piece, bin]
    private final long[] inners; // [piece, bin], where it is on at all
    private final PairCounts tokensIn = new PairCounts(); // of piece * vocabulary + token
    private final PairCounts tokensOut = new PairCounts();
    private final Togetherness together;
    private final List<Selection> strongest = new ArrayList<>();
    private final List<Selection> ordinary = new ArrayList<>();

    // Of the row at hand, by piece.
    private final int[] listed;
    private final boolean[] seen;
    private final boolean[] on;
    private final int[] bestAt;
    private final float[] best;
    private final float[] bestInner;
    private final int[] drawnAt;
    private final long[] lot;
    private final int[] activeHere; // at the position at hand

    /// Empty sums.
    ///
    /// @param pieceAt the piece at each place of each site, -1 where none lives
    /// @param pieces how many
    /// @param vocabulary how many tokens there are
    /// @param threshold a piece is active above it
    /// @param examples at most so many of each kind for each piece
    HarvestSums(int[][] pieceAt, int pieces, int vocabulary, double threshold, int examples) {
        this.pieceAt = pieceAt;
        siteOf = new int[pieces];
        placeOf = new int[pieces];
        for (int site = 0; site < pieceAt.length; site++) {
            for (int place = 0; place < pieceAt[site].length; place++) {
                if (pieceAt[site][place] >= 0) {
                    siteOf[pieceAt[site][place]] = site;
                    placeOf[pieceAt[site][place]] = place;
                }
            }
        }
        this.vocabulary = vocabulary;
        this.threshold = threshold;
        tokens = new long[vocabulary];
        expected = new long[vocabulary];
        active = new long[pieces];
        activeRows = new long[pieces];
        importance = new long[pieces];
        importances = new long[pieces * ImportanceBins.COUNT];
        inners = new long[pieces * SignedBins.COUNT];
        together = new Togetherness(pieces);
        for (int piece = 0; piece < pieces; piece++) {
            strongest.add(new Selection(examples, Selection.STRONGEST));
            ordinary.add(new Selection(examples, Selection.DRAWN));
        }
        listed = new int[pieces];
        seen = new boolean[pieces];
        on = new boolean[pieces];
        bestAt = new int[pieces];
        best = new float[pieces];
        bestInner = new float[pieces];
        drawnAt = new int[pieces];
        lot = new long[pieces];
        activeHere = new int[pieces];
    }

    long rows() {
        return rows;
    }

    long positions() {
        return positions;
    }

    /// Positions at which a piece is active.
    long active(int piece) {
        return active[piece];
    }

    /// Rows in which a piece is active somewhere.
    long activeRows(int piece) {
        return activeRows[piece];
    }

    /// The mean importance of a piece over all positions.
    double meanImportance(int piece) {
        return positions == 0 ? 0 : importance[piece] / ONE / positions;
    }

    /// The positions at which a piece is on at all.
    long on(int piece) {
        long count = 0;
        for (int bin = 0; bin < ImportanceBins.COUNT; bin++) {
            count += importances[piece * ImportanceBins.COUNT + bin];
        }
        return count;
    }

    /// Quantiles of a piece's importance where it is on at all.
    @Nullable Quantiles importances(int piece) {
        int from = piece * ImportanceBins.COUNT;
        return Quantiles.of(importances, from, from + ImportanceBins.COUNT, ImportanceBins::value);
    }

    /// Quantiles of a piece's inner activation where it is on at all.
    @Nullable Quantiles inners(int piece) {
        int from = piece * SignedBins.COUNT;
        return Quantiles.of(inners, from, from + SignedBins.COUNT, SignedBins::value);
    }

    /// A token of a piece and what they have to do with each other.
    record TokenCount(int token, Association association) {}

    /// The tokens at which pieces are active, or that are expected there.
    ///
    /// @param in whether the tokens at the positions themselves; else those expected next
    List<List<TokenCount>> tokens(boolean in) {
        List<List<TokenCount>> byPiece = new ArrayList<>();
        for (int piece = 0; piece < active.length; piece++) {
            byPiece.add(new ArrayList<>());
        }
        PairCounts counts = in ? tokensIn : tokensOut;
        for (long key : counts.keys()) {
            int piece = (int) (key / vocabulary);
            int token = (int) (key % vocabulary);
            byPiece.get(piece)
                    .add(
                            new TokenCount(
                                    token,
                                    new Association(
                                            counts.of(key),
                                            active[piece],
                                            (in ? tokens : expected)[token],
                                            positions)));
        }
        return byPiece;
    }

    /// Whether it is known which pieces are active together.
    boolean knowsPartners() {
        return together.isKept();
    }

    /// What two pieces have to do with each other.
    Association partners(int piece, int other) {
        return new Association(together.of(piece, other), active[piece], active[other], positions);
    }

    /// The examples at which a piece is most important.
    List<Example> strongest(int piece) {
        return strongest.get(piece).kept();
    }

    /// Examples drawn from all texts in which a piece is active.
    List<Example> ordinary(int piece) {
        return ordinary.get(piece).kept();
    }

    /// Adds what a pass gave.
    void add(SliceNumbers slice) {
        for (int row = 0; row < slice.rows(); row++) {
            add(slice, row);
        }
    }

    private void add(SliceNumbers slice, int row) {
        int length = slice.length();
        long text = text(slice, row);
        int touched = 0;
        for (int position = 0; position < length; position++) {
            int cell = row * length + position;
            if (!slice.valid()[cell]) {
                continue;
            }
            positions++;
            int token = slice.tokens()[cell];
            int next = slice.expected()[cell];
            tokens[token]++;
            expected[next]++;
            int count = 0;
            for (int site = 0; site < pieceAt.length; site++) {
                int[] places = pieceAt[site];
                int at = cell * places.length;
                for (int place = 0; place < places.length; place++) {
                    float g = slice.importances()[site][at + place];
                    int piece = places[place];
                    if (!(g > 0) || piece < 0) {
                        continue;
                    }
                    float inner = slice.inner()[site][at + place];
                    importances[piece * ImportanceBins.COUNT + ImportanceBins.of(g)]++;
                    inners[piece * SignedBins.COUNT + SignedBins.of(inner)]++;
                    importance[piece] += Math.round(g * ONE);
                    if (!seen[piece]) {
                        seen[piece] = true;
                        on[piece] = false;
                        listed[touched++] = piece;
                        best[piece] = -1;
                    }
                    if (g > best[piece]
                            || (g == best[piece] && Math.abs(inner) > Math.abs(bestInner[piece]))) {
                        best[piece] = g;
                        bestInner[piece] = inner;
                        bestAt[piece] = position;
                    }
                    if (g > threshold) {
                        active[piece]++;
                        tokensIn.add((long) piece * vocabulary + token, 1);
                        tokensOut.add((long) piece * vocabulary + next, 1);
                        activeHere[count++] = piece;
                        long drawn = mixed(mixed(text ^ piece) ^ position);
                        if (!on[piece] || drawn < lot[piece]) {
                            on[piece] = true;
                            lot[piece] = drawn;
                            drawnAt[piece] = position;
                        }
                    }
                }
            }
            Arrays.sort(activeHere, 0, count);
            together.add(activeHere, count);
        }
        rows++;
        for (int i = 0; i < touched; i++) {
            int piece = listed[i];
            seen[piece] = false;
            offer(strongest.get(piece), slice, row, piece, text, bestAt[piece], 0);
            if (on[piece]) {
                activeRows[piece]++;
                offer(ordinary.get(piece), slice, row, piece, text, drawnAt[piece], lot[piece]);
            }
        }
    }

    private void offer(
            Selection to,
            SliceNumbers slice,
            int row,
            int piece,
            long text,
            int position,
            long lot) {
        Example bare = example(slice, row, piece, text, position, lot, position, position);
        if (!to.wants(bare)) {
            return;
        }
        int end = position;
        int length = slice.length();
        while (end < length && end <= position + AFTER && slice.valid()[row * length + end]) {
            end++;
        }
        to.offer(
                example(
                        slice,
                        row,
                        piece,
                        text,
                        position,
                        lot,
                        Math.max(0, position - BEFORE),
                        end));
    }

    private Example example(
            SliceNumbers slice,
            int row,
            int piece,
            long text,
            int position,
            long lot,
            int first,
            int end) {
        float[] g = slice.importances()[siteOf[piece]];
        float[] a = slice.inner()[siteOf[piece]];
        int count = pieceAt[siteOf[piece]].length;
        int[] tokens = new int[end - first];
        float[] importances = new float[end - first];
        float[] inners = new float[end - first];
        for (int i = first; i < end; i++) {
            int cell = row * slice.length() + i;
            tokens[i - first] = slice.tokens()[cell];
            importances[i - first] = g[cell * count + placeOf[piece]];
            inners[i - first] = a[cell * count + placeOf[piece]];
        }
        int own = (row * slice.length() + position) * count + placeOf[piece];
        return new Example(
                slice.firstRow() + row,
                position,
                text,
                lot,
                g[own],
                a[own],
                first,
                tokens,
                importances,
                inners);
    }

    /// The shape of a column of so many numbers.
    long[] shape(String name, int numbers) {
        int columns =
                switch (name) {
                    case "importance_histogram" -> ImportanceBins.COUNT;
                    case "inner_histogram" -> SignedBins.COUNT;
                    case "strongest_examples", "ordinary_examples" -> FIELDS;
                    default -> 1;
                };
        return columns == 1 ? new long[] {numbers} : new long[] {numbers / columns, columns};
    }

    /// All sums and examples as columns, from which `add` makes them again.
    Columns columns() {
        Columns columns = new Columns();
        columns.put("rows", rows);
        columns.put("positions", positions);
        columns.put("token_positions", tokens);
        columns.put("expected_positions", expected);
        columns.put("active", active);
        columns.put("active_rows", activeRows);
        columns.put("importance_sum", importance);
        columns.put("importance_histogram", importances);
        columns.put("inner_histogram", inners);
        columns.put("together", together.numbers());
        put(tokensIn, "tokens_in", columns);
        put(tokensOut, "tokens_out", columns);
        put(strongest, "strongest", columns);
        put(ordinary, "ordinary", columns);
        return columns;
    }

    /// Adds the sums and examples of another part of the text, of the same pieces.
    void add(Columns part) {
        rows += part.whole("rows")[0];
        positions += part.whole("positions")[0];
        add(tokens, part.whole("token_positions"));
        add(expected, part.whole("expected_positions"));
        add(active, part.whole("active"));
        add(activeRows, part.whole("active_rows"));
        add(importance, part.whole("importance_sum"));
        add(importances, part.whole("importance_histogram"));
        add(inners, part.whole("inner_histogram"));
        together.add(part.whole("together"));
        add(tokensIn, "tokens_in", part);
        add(tokensOut, "tokens_out", part);
        add(strongest, "strongest", part);
        add(ordinary, "ordinary", part);
    }

    private static void add(long[] to, long[] numbers) {
        if (numbers.length != to.length) {
            throw new IllegalArgumentException(
                    "sums must have %d numbers, got %d".formatted(to.length, numbers.length));
        }
        for (int i = 0; i < to.length; i++) {
            to[i] += numbers[i];
        }
    }

    private static void put(PairCounts counts, String name, Columns columns) {
        long[] keys = counts.keys();
        columns.put(name + "_keys", keys);
        columns.put(name + "_counts", Arrays.stream(keys).map(counts::of).toArray());
    }

    private static void add(PairCounts counts, String name, Columns part) {
        long[] keys = part.whole(name + "_keys");
        long[] times = part.whole(name + "_counts");
        for (int i = 0; i < keys.length; i++) {
            counts.add(keys[i], times[i]);
        }
    }

    // A row of numbers for each example, then its tokens with their values, one after the other.
    private static final int FIELDS = 7;

    private static void put(List<Selection> selections, String name, Columns columns) {
        List<Example> all = selections.stream().flatMap(each -> each.kept().stream()).toList();
        int shown = all.stream().mapToInt(each -> each.tokens().length).sum();
        long[] fields = new long[all.size() * FIELDS];
        long[] tokens = new long[shown];
        float[] importances = new float[shown];
        float[] inners = new float[shown];
        int at = 0;
        int cell = 0;
        for (int piece = 0; piece < selections.size(); piece++) {
            for (Example each : selections.get(piece).kept()) {
                long[] row = {
                    piece,
                    each.row(),
                    each.position(),
                    each.text(),
                    each.lot(),
                    each.first(),
                    each.tokens().length
                };
                System.arraycopy(row, 0, fields, at, FIELDS);
                at += FIELDS;
                for (int i = 0; i < each.tokens().length; i++) {
                    tokens[cell] = each.tokens()[i];
                    importances[cell] = each.importances()[i];
                    inners[cell++] = each.inners()[i];
                }
            }
        }
        columns.put(name + "_examples", fields);
        columns.put(name + "_tokens", tokens);
        columns.put(name + "_importances", importances);
        columns.put(name + "_inners", inners);
    }

    private static void add(List<Selection> selections, String name, Columns part) {
        long[] fields = part.whole(name + "_examples");
        long[] tokens = part.whole(name + "_tokens");
        float[] importances = part.real(name + "_importances");
        float[] inners = part.real(name + "_inners");
        int cell = 0;
        for (int at = 0; at < fields.length; at += FIELDS) {
            int position = (int) fields[at + 2];
            int first = (int) fields[at + 5];
            int end = cell + (int) fields[at + 6];
            selections
                    .get((int) fields[at])
                    .offer(
                            new Example(
                                    fields[at + 1],
                                    position,
                                    fields[at + 3],
                                    fields[at + 4],
                                    importances[cell + position - first],
                                    inners[cell + position - first],
                                    first,
                                    Arrays.stream(tokens, cell, end)
                                            .mapToInt(Math::toIntExact)
                                            .toArray(),
                                    Arrays.copyOfRange(importances, cell, end),
                                    Arrays.copyOfRange(inners, cell, end)));
            cell = end;
        }
    }

    /// A number that tells the tokens of a row from others.
    private static long text(SliceNumbers slice, int row) {
        long text = 0;
        for (int i = row * slice.length(); i < (row + 1) * slice.length(); i++) {
            if (slice.valid()[i]) {
                text = mixed(text ^ (slice.tokens()[i] + 1L));
            }
        }
        return text;
    }

    private static long mixed(long x) {
        long z = x + 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
