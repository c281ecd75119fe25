package cleave.engine;

import static cleave.engine.Lanes.LANES;
import static cleave.engine.Lanes.WIDTH;
import static cleave.engine.Lanes.load;

import jdk.incubator.vector.FloatVector;

/// Products of matrices with few columns, for the kernels: `out += a b`, a few rows and one panel
/// of columns at a time, whose sums stay in registers.
///
/// A panel is a matrix of `PANEL` columns, row after row. A general product of so narrow matrices
/// packs them anew each time; here `b` is packed already, and the rows of `a` may lie anywhere, so
/// that those without a gradient are left out.
///
/// The sums are eight vectors, two quartets: the left and the right halves of four rows, or, where
/// one vector fills a panel, four rows and the four after them.
///
/// The three differ in where rows of a and out lie. Each is written out, since no method can hand
/// back the eight vectors of a block, and an index that all three could use is slower to compute.
final class ArrayProducts {
    /// Columns of a panel: two vectors, or one of the widest.
    public static final int PANEL = Math.min(2 * WIDTH, 16);

    /// Rows taken at a time.
    public static final int ROWS = 8 * WIDTH / PANEL;

    // What follows is known to the compiler, which leaves out the other case.
    private static final boolean WHOLE = WIDTH == PANEL; // a vector fills a panel
    private static final int OTHERS = WHOLE ? 4 : 0; // rows from a quartet to the other
    private static final int OTHER = WHOLE ? 4 * PANEL : WIDTH; // likewise, in out

    private ArrayProducts() {}

    /// A number in all lanes.
    private static FloatVector all(float[] values, int at) {
        return FloatVector.broadcast(LANES, values[at]);
    }

    /// The columns of a row of b that belong to the other quartet.
    private static FloatVector other(FloatVector one, float[] b, int at) {
        return WHOLE ? one : load(b, at + WIDTH);
    }

    /// `out[r, :] += sum_l a[r, l] b[l, :]`, for rows of a in groups of `ROWS`.
    ///
    /// @param a `[groups, steps, ROWS]`, from `aAt` on
    /// @param b panel `[steps, PANEL]`, from `bAt` on
    /// @param out panel `[ROWS groups, PANEL]`
    public static void grouped(
            float[] a, int aAt, int steps, float[] b, int bAt, float[] out, int groups) {
        for (int group = 0; group < groups; group++) {
            int o = group * ROWS * PANEL;
            FloatVector sum0 = load(out, o);
            FloatVector sum1 = load(out, o + PANEL);
            FloatVector sum2 = load(out, o + 2 * PANEL);
            FloatVector sum3 = load(out, o + 3 * PANEL);
            FloatVector other0 = load(out, o + OTHER);
            FloatVector other1 = load(out, o + PANEL + OTHER);
            FloatVector other2 = load(out, o + 2 * PANEL + OTHER);
            FloatVector other3 = load(out, o + 3 * PANEL + OTHER);
            int first = aAt + group * ROWS * steps;
            for (int l = 0; l < steps; l++) {
                int at = first + ROWS * l;
                FloatVector one = load(b, bAt + PANEL * l);
                FloatVector two = other(one, b, bAt + PANEL * l);
                sum0 = all(a, at).fma(one, sum0);
                other0 = all(a, at + OTHERS).fma(two, other0);
                sum1 = all(a, at + 1).fma(one, sum1);
                other1 = all(a, at + OTHERS + 1).fma(two, other1);
                sum2 = all(a, at + 2).fma(one, sum2);
                other2 = all(a, at + OTHERS + 2).fma(two, other2);
                sum3 = all(a, at + 3).fma(one, sum3);
                other3 = all(a, at + OTHERS + 3).fma(two, other3);
            }
            sum0.intoArray(out, o);
            sum1.intoArray(out, o + PANEL);
            sum2.intoArray(out, o + 2 * PANEL);
            sum3.intoArray(out, o + 3 * PANEL);
            other0.intoArray(out, o + OTHER);
            other1.intoArray(out, o + PANEL + OTHER);
            other2.intoArray(out, o + 2 * PANEL + OTHER);
            other3.intoArray(out, o + 3 * PANEL + OTHER);
        }
    }

    /// `out[k, :] += sum_l a[rows[l], k] b[l, :]`, the transposed product.
    ///
    /// @param a row l begins at `aAt + rows[l]`
    /// @param b panel `[count, PANEL]`, from `bAt` on
    /// @param out panel `[columns, PANEL]`, from `outAt` on
    /// @param columns of a; a multiple of `ROWS`
    public static void transposed(
            float[] a,
            int aAt,
            int[] rows,
            int count,
            float[] b,
            int bAt,
            float[] out,
            int outAt,
            int columns) {
        for (int k = 0; k < columns; k += ROWS) {
            int o = outAt + k * PANEL;
            FloatVector sum0 = load(out, o);
            FloatVector sum1 = load(out, o + PANEL);
            FloatVector sum2 = load(out, o + 2 * PANEL);
            FloatVector sum3 = load(out, o + 3 * PANEL);
            FloatVector other0 = load(out, o + OTHER);
            FloatVector other1 = load(out, o + PANEL + OTHER);
            FloatVector other2 = load(out, o + 2 * PANEL + OTHER);
            FloatVector other3 = load(out, o + 3 * PANEL + OTHER);
            for (int l = 0; l < count; l++) {
                int at = aAt + k + rows[l];
                FloatVector one = load(b, bAt + PANEL * l);
                FloatVector two = other(one, b, bAt + PANEL * l);
                sum0 = all(a, at).fma(one, sum0);
                other0 = all(a, at + OTHERS).fma(two, other0);
                sum1 = all(a, at + 1).fma(one, sum1);
                other1 = all(a, at + OTHERS + 1).fma(two, other1);
                sum2 = all(a, at + 2).fma(one, sum2);
                other2 = all(a, at + OTHERS + 2).fma(two, other2);
                sum3 = all(a, at + 3).fma(one, sum3);
                other3 = all(a, at + OTHERS + 3).fma(two, other3);
            }
            sum0.intoArray(out, o);
            sum1.intoArray(out, o + PANEL);
            sum2.intoArray(out, o + 2 * PANEL);
            sum3.intoArray(out, o + 3 * PANEL);
            other0.intoArray(out, o + OTHER);
            other1.intoArray(out, o + PANEL + OTHER);
            other2.intoArray(out, o + 2 * PANEL + OTHER);
            other3.intoArray(out, o + 3 * PANEL + OTHER);
        }
    }

    /// `out[outRows[r], :] += sum_l a[rows[r], l] b[l, :]`, for rows that lie anywhere.
    ///
    /// @param a row r begins at `aAt + rows[r]`
    /// @param steps columns of a; even
    /// @param b panel `[steps, PANEL]`, from `bAt` on
    /// @param out row r's `PANEL` numbers begin at `outAt + outRows[r]`
    /// @param count of rows; a multiple of `ROWS`
    public static void scattered(
            float[] a,
            int aAt,
            int[] rows,
            int steps,
            float[] b,
            int bAt,
            float[] out,
            int outAt,
            int[] outRows,
            int count) {
        for (int row = 0; row < count; row += ROWS) {
            int o0 = outAt + outRows[row];
            int o1 = outAt + outRows[row + 1];
            int o2 = outAt + outRows[row + 2];
            int o3 = outAt + outRows[row + 3];
            int o4 = WHOLE ? outAt + outRows[row + 4] : o0 + WIDTH;
            int o5 = WHOLE ? outAt + outRows[row + 5] : o1 + WIDTH;
            int o6 = WHOLE ? outAt + outRows[row + 6] : o2 + WIDTH;
            int o7 = WHOLE ? outAt + outRows[row + 7] : o3 + WIDTH;
            FloatVector sum0 = load(out, o0);
            FloatVector sum1 = load(out, o1);
            FloatVector sum2 = load(out, o2);
            FloatVector sum3 = load(out, o3);
            FloatVector other0 = load(out, o4);
            FloatVector other1 = load(out, o5);
            FloatVector other2 = load(out, o6);
            FloatVector other3 = load(out, o7);
            int a0 = aAt + rows[row];
            int a1 = aAt + rows[row + 1];
            int a2 = aAt + rows[row + 2];
            int a3 = aAt + rows[row + 3];
            int a4 = aAt + rows[row + OTHERS];
            int a5 = aAt + rows[row + OTHERS + 1];
            int a6 = aAt + rows[row + OTHERS + 2];
            int a7 = aAt + rows[row + OTHERS + 3];
            for (int l = 0; l < steps; l += 2) {
                int at = bAt + PANEL * l;
                FloatVector one = load(b, at);
                FloatVector two = other(one, b, at);
                sum0 = all(a, a0 + l).fma(one, sum0);
                other0 = all(a, a4 + l).fma(two, other0);
                sum1 = all(a, a1 + l).fma(one, sum1);
                other1 = all(a, a5 + l).fma(two, other1);
                sum2 = all(a, a2 + l).fma(one, sum2);
                other2 = all(a, a6 + l).fma(two, other2);
                sum3 = all(a, a3 + l).fma(one, sum3);
                other3 = all(a, a7 + l).fma(two, other3);
                one = load(b, at + PANEL);
                two = other(one, b, at + PANEL);
                sum0 = all(a, a0 + l + 1).fma(one, sum0);
                other0 = all(a, a4 + l + 1).fma(two, other0);
                sum1 = all(a, a1 + l + 1).fma(one, sum1);
                other1 = all(a, a5 + l + 1).fma(two, other1);
                sum2 = all(a, a2 + l + 1).fma(one, sum2);
                other2 = all(a, a6 + l + 1).fma(two, other2);
                sum3 = all(a, a3 + l + 1).fma(one, sum3);
                other3 = all(a, a7 + l + 1).fma(two, other3);
            }
            sum0.intoArray(out, o0);
            sum1.intoArray(out, o1);
            sum2.intoArray(out, o2);
            sum3.intoArray(out, o3);
            other0.intoArray(out, o4);
            other1.intoArray(out, o5);
            other2.intoArray(out, o6);
            other3.intoArray(out, o7);
        }
    }
}
