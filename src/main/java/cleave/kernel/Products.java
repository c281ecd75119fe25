package cleave.kernel;

import static cleave.kernel.Lanes.LANES;
import static cleave.kernel.Lanes.WIDTH;
import static cleave.kernel.Lanes.load;

import jdk.incubator.vector.FloatVector;

/// Products of matrices with few columns, for the kernels: `out += a b`, four rows and one panel of
/// columns at a time, whose sums stay in registers.
///
/// A panel is a matrix of `PANEL` columns, row after row. A general product of so narrow matrices
/// packs them anew each time; here `b` is packed already, and the rows of `a` may lie anywhere, so
/// that those without a gradient are left out.
///
/// The three differ in where rows of a and out lie. Each is written out, since no method can hand
/// back the eight vectors of a block, and an index that all three could use is slower to compute.
public final class Products {
    /// Columns of a panel: two vectors.
    public static final int PANEL = 2 * WIDTH;

    /// Rows taken at a time.
    public static final int ROWS = 4;

    private Products() {}

    /// A number in all lanes.
    private static FloatVector all(float[] values, int at) {
        return FloatVector.broadcast(LANES, values[at]);
    }

    /// `out[r, :] += sum_l a[r, l] b[l, :]`, for rows of a in groups of four.
    ///
    /// @param a `[groups, steps, 4]`, from `aAt` on
    /// @param b panel `[steps, PANEL]`, from `bAt` on
    /// @param out panel `[4 groups, PANEL]`
    public static void grouped(
            float[] a, int aAt, int steps, float[] b, int bAt, float[] out, int groups) {
        for (int group = 0; group < groups; group++) {
            int o = group * ROWS * PANEL;
            FloatVector left0 = load(out, o);
            FloatVector right0 = load(out, o + WIDTH);
            FloatVector left1 = load(out, o + PANEL);
            FloatVector right1 = load(out, o + PANEL + WIDTH);
            FloatVector left2 = load(out, o + 2 * PANEL);
            FloatVector right2 = load(out, o + 2 * PANEL + WIDTH);
            FloatVector left3 = load(out, o + 3 * PANEL);
            FloatVector right3 = load(out, o + 3 * PANEL + WIDTH);
            int first = aAt + group * ROWS * steps;
            for (int l = 0; l < steps; l++) {
                FloatVector left = load(b, bAt + PANEL * l);
                FloatVector right = load(b, bAt + PANEL * l + WIDTH);
                FloatVector factor = all(a, first + ROWS * l);
                left0 = factor.fma(left, left0);
                right0 = factor.fma(right, right0);
                factor = all(a, first + ROWS * l + 1);
                left1 = factor.fma(left, left1);
                right1 = factor.fma(right, right1);
                factor = all(a, first + ROWS * l + 2);
                left2 = factor.fma(left, left2);
                right2 = factor.fma(right, right2);
                factor = all(a, first + ROWS * l + 3);
                left3 = factor.fma(left, left3);
                right3 = factor.fma(right, right3);
            }
            left0.intoArray(out, o);
            right0.intoArray(out, o + WIDTH);
            left1.intoArray(out, o + PANEL);
            right1.intoArray(out, o + PANEL + WIDTH);
            left2.intoArray(out, o + 2 * PANEL);
            right2.intoArray(out, o + 2 * PANEL + WIDTH);
            left3.intoArray(out, o + 3 * PANEL);
            right3.intoArray(out, o + 3 * PANEL + WIDTH);
        }
    }

    /// `out[k, :] += sum_l a[rows[l], k] b[l, :]`, the transposed product.
    ///
    /// @param a row l begins at `aAt + rows[l]`
    /// @param b panel `[count, PANEL]`, from `bAt` on
    /// @param out panel `[columns, PANEL]`, from `outAt` on
    /// @param columns of a; a multiple of 4
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
            FloatVector left0 = load(out, o);
            FloatVector right0 = load(out, o + WIDTH);
            FloatVector left1 = load(out, o + PANEL);
            FloatVector right1 = load(out, o + PANEL + WIDTH);
            FloatVector left2 = load(out, o + 2 * PANEL);
            FloatVector right2 = load(out, o + 2 * PANEL + WIDTH);
            FloatVector left3 = load(out, o + 3 * PANEL);
            FloatVector right3 = load(out, o + 3 * PANEL + WIDTH);
            for (int l = 0; l < count; l++) {
                int at = aAt + k + rows[l];
                FloatVector left = load(b, bAt + PANEL * l);
                FloatVector right = load(b, bAt + PANEL * l + WIDTH);
                FloatVector factor = all(a, at);
                left0 = factor.fma(left, left0);
                right0 = factor.fma(right, right0);
                factor = all(a, at + 1);
                left1 = factor.fma(left, left1);
                right1 = factor.fma(right, right1);
                factor = all(a, at + 2);
                left2 = factor.fma(left, left2);
                right2 = factor.fma(right, right2);
                factor = all(a, at + 3);
                left3 = factor.fma(left, left3);
                right3 = factor.fma(right, right3);
            }
            left0.intoArray(out, o);
            right0.intoArray(out, o + WIDTH);
            left1.intoArray(out, o + PANEL);
            right1.intoArray(out, o + PANEL + WIDTH);
            left2.intoArray(out, o + 2 * PANEL);
            right2.intoArray(out, o + 2 * PANEL + WIDTH);
            left3.intoArray(out, o + 3 * PANEL);
            right3.intoArray(out, o + 3 * PANEL + WIDTH);
        }
    }

    /// `out[outRows[r], :] += sum_l a[rows[r], l] b[l, :]`, for rows that lie anywhere.
    ///
    /// @param a row r begins at `aAt + rows[r]`
    /// @param steps columns of a; even
    /// @param b panel `[steps, PANEL]`, from `bAt` on
    /// @param out row r's `PANEL` numbers begin at `outAt + outRows[r]`
    /// @param count of rows; a multiple of 4
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
            FloatVector left0 = load(out, o0);
            FloatVector right0 = load(out, o0 + WIDTH);
            FloatVector left1 = load(out, o1);
            FloatVector right1 = load(out, o1 + WIDTH);
            FloatVector left2 = load(out, o2);
            FloatVector right2 = load(out, o2 + WIDTH);
            FloatVector left3 = load(out, o3);
            FloatVector right3 = load(out, o3 + WIDTH);
            int a0 = aAt + rows[row];
            int a1 = aAt + rows[row + 1];
            int a2 = aAt + rows[row + 2];
            int a3 = aAt + rows[row + 3];
            for (int l = 0; l < steps; l += 2) {
                FloatVector left = load(b, bAt + PANEL * l);
                FloatVector right = load(b, bAt + PANEL * l + WIDTH);
                FloatVector factor = all(a, a0 + l);
                left0 = factor.fma(left, left0);
                right0 = factor.fma(right, right0);
                factor = all(a, a1 + l);
                left1 = factor.fma(left, left1);
                right1 = factor.fma(right, right1);
                factor = all(a, a2 + l);
                left2 = factor.fma(left, left2);
                right2 = factor.fma(right, right2);
                factor = all(a, a3 + l);
                left3 = factor.fma(left, left3);
                right3 = factor.fma(right, right3);
                left = load(b, bAt + PANEL * l + PANEL);
                right = load(b, bAt + PANEL * l + PANEL + WIDTH);
                factor = all(a, a0 + l + 1);
                left0 = factor.fma(left, left0);
                right0 = factor.fma(right, right0);
                factor = all(a, a1 + l + 1);
                left1 = factor.fma(left, left1);
                right1 = factor.fma(right, right1);
                factor = all(a, a2 + l + 1);
                left2 = factor.fma(left, left2);
                right2 = factor.fma(right, right2);
                factor = all(a, a3 + l + 1);
                left3 = factor.fma(left, left3);
                right3 = factor.fma(right, right3);
            }
            left0.intoArray(out, o0);
            right0.intoArray(out, o0 + WIDTH);
            left1.intoArray(out, o1);
            right1.intoArray(out, o1 + WIDTH);
            left2.intoArray(out, o2);
            right2.intoArray(out, o2 + WIDTH);
            left3.intoArray(out, o3);
            right3.intoArray(out, o3 + WIDTH);
        }
    }
}
