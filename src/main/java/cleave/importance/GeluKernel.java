package cleave.importance;

import static cleave.importance.Lanes.LANES;
import static cleave.importance.Lanes.WIDTH;
import static cleave.importance.Lanes.ZERO;
import static cleave.importance.Lanes.all;
import static cleave.importance.Lanes.bytes;
import static cleave.importance.Lanes.load;
import static cleave.importance.Lanes.number;
import static cleave.importance.Lanes.store;
import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.LSHL;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// What follows the first matrix product of a gate, `y_c = w_c . gelu(h_c + b_c) + o_c`, and its
/// gradients, in one pass over `h` each and in vectors of the machine.
///
/// The exact GELU, `x F(x)` with F the normal distribution function, takes F from formula 7.1.26 of
/// Abramowitz and Stegun, whose error is below 1.5e-7, and the exponential from a polynomial of
/// degree 6; the exponential serves F and its derivative. Tensors are passed as addresses of
/// contiguous float32 numbers; the caller answers for their sizes. The methods are short so that
/// the compiler can take each of them in whole: above some size it gives up and boxes vectors.
final class GeluKernel {
    private static final int ROWS = 32; // whose part of one subcomponent stays in the first cache

    private GeluKernel() {}

    /// Whether the kernel can run hidden layers of this width.
    static boolean fits(int hidden) {
        return hidden % WIDTH == 0;
    }

    /// What a tile of hidden layers belongs to: some subcomponents in some rows.
    ///
    /// @param rows how many rows
    /// @param first the first subcomponent
    /// @param count how many subcomponents
    /// @param C how many there are in all
    /// @param hidden width of a hidden layer
    record Tile(int rows, int first, int count, int C, int hidden) {
        private int stride() {
            return count * hidden;
        }
    }

    /// Fills the tile's part of y.
    ///
    /// @param h `[rows, count, hidden]`, without bias
    /// @param b `[C, hidden]`
    /// @param w `[C, hidden]`
    /// @param o `[C]`
    /// @param y `[rows, C]`
    static void forward(Tile tile, long h, float[] b, float[] w, float[] o, long y) {
        float[] sums = new float[ROWS * WIDTH];
        for (int row = 0; row < tile.rows; row += ROWS) {
            int few = Math.min(tile.rows - row, ROWS);
            for (int c = 0; c < tile.count; c++) {
                long start = h + bytes((long) row * tile.stride() + (long) c * tile.hidden);
                int at = (tile.first + c) * tile.hidden;
                Arrays.fill(sums, 0);
                for (int j = 0; j < tile.hidden; j += WIDTH) {
                    forwardVector(start + bytes(j), b, w, at + j, sums, few, tile.stride());
                }
                long out = y + bytes((long) row * tile.C + tile.first + c);
                reduce(sums, few, o[tile.first + c], out, tile.C);
            }
        }
    }

    /// Adds one vector of a subcomponent's hidden layer in a few rows to their sums.
    private static void forwardVector(
            long h, float[] b, float[] w, int at, float[] sums, int rows, int stride) {
        FloatVector bias = load(b, at);
        FloatVector weight = load(w, at);
        for (int row = 0; row < rows; row++) {
            FloatVector x = load(h + bytes((long) row * stride)).add(bias);
            x.mul(normal(x, bell(x)))
                    .fma(weight, load(sums, row * WIDTH))
                    .intoArray(sums, row * WIDTH);
        }
    }

    /// Adds up each row's sums, halves onto halves: `reduceLanes` may take any order, and another
    /// one before than after compilation.
    private static void reduce(float[] sums, int rows, float o, long y, int stride) {
        for (int row = 0; row < rows; row++) {
            int at = row * WIDTH;
            for (int half = WIDTH / 2; half > 0; half /= 2) {
                for (int lane = at; lane < at + half; lane++) {
                    sums[lane] += sums[lane + half];
                }
            }
            number(y + bytes((long) row * stride), sums[at] + o);
        }
    }

    /// Replaces `h` by its gradient and adds those of b and w.
    ///
    /// @param h `[rows, count, hidden]`, without bias
    /// @param b `[C, hidden]`
    /// @param w `[C, hidden]`
    /// @param dy `[rows, C]` the gradient of y
    /// @param db `[C, hidden]` added to
    /// @param dw `[C, hidden]` added to
    static void backward(Tile tile, long h, float[] b, float[] w, long dy, float[] db, float[] dw) {
        int[] order = new int[ROWS];
        float[] values = new float[ROWS];
        int stride = tile.stride();
        for (int row = 0; row < tile.rows; row += ROWS) {
            int few = Math.min(tile.rows - row, ROWS);
            for (int c = 0; c < tile.count; c++) {
                long start = h + bytes((long) row * stride + (long) c * tile.hidden);
                long in = dy + bytes((long) row * tile.C + tile.first + c);
                int used = nonzeroFirst(in, few, tile.C, order, values);
                int at = (tile.first + c) * tile.hidden;
                for (int j = 0; j < tile.hidden; j += WIDTH) {
                    backwardVector(
                            start + bytes(j), b, w, db, dw, at + j, order, values, used, stride);
                    clear(start + bytes(j), order, used, few, stride);
                }
            }
        }
    }

    /// Orders rows so that those whose number is not zero come first.
    ///
    /// @return how many those are
    private static int nonzeroFirst(
            long numbers, int rows, int stride, int[] order, float[] values) {
        int front = 0;
        int back = rows;
        for (int row = 0; row < rows; row++) {
            float value = number(numbers + bytes((long) row * stride));
            values[front] = value;
            order[value == 0 ? back - 1 : front] = row;
            back -= value == 0 ? 1 : 0;
            front += value == 0 ? 0 : 1;
        }
        return front;
    }

    /// One vector of a subcomponent's hidden layer in the first `count` rows of `order`.
    private static void backwardVector(
            long h,
            float[] b,
            float[] w,
            float[] db,
            float[] dw,
            int at,
            int[] order,
            float[] incoming,
            int count,
            int stride) {
        FloatVector bias = load(b, at);
        FloatVector weight = load(w, at);
        FloatVector toBias = load(db, at);
        FloatVector toWeight = load(dw, at);
        for (int i = 0; i < count; i++) {
            long row = h + bytes((long) order[i] * stride);
            FloatVector x = load(row).add(bias);
            FloatVector bell = bell(x);
            FloatVector normal = normal(x, bell);
            FloatVector gradient = FloatVector.broadcast(LANES, incoming[i]);
            toWeight = x.mul(normal).fma(gradient, toWeight);
            gradient = x.mul(DENSITY).fma(bell, normal).mul(weight).mul(gradient);
            toBias = toBias.add(gradient);
            store(gradient, row);
        }
        toBias.intoArray(db, at);
        toWeight.intoArray(dw, at);
    }

    private static void clear(long h, int[] order, int from, int to, int stride) {
        for (int i = from; i < to; i++) {
            store(ZERO, h + bytes((long) order[i] * stride));
        }
    }

    /// `exp(-x^2 / 2)`.
    private static FloatVector bell(FloatVector x) {
        FloatVector t = x.mul(x).mul(MINUS_HALF).max(LOWEST);
        // The sum's low bits hold the power of two k with the bias of exponents.
        FloatVector shifted = t.fma(LOG2_E, SHIFT);
        FloatVector k = shifted.sub(SHIFT);
        FloatVector r = k.fma(MINUS_LN2, t); // |r| <= ln 2 / 2
        // 1 + r + r^2 ((1/2 + r/6) + r^2 ((1/24 + r/120) + r^2/720)), the shortest chain of steps
        FloatVector r2 = r.mul(r);
        FloatVector high = r2.fma(E6, r.fma(E5, E4));
        FloatVector p = high.fma(r2, r.fma(E3, HALF)).fma(r2, r.add(ONE));
        return p.mul(shifted.reinterpretAsInts().lanewise(LSHL, 23).reinterpretAsFloats());
    }

    /// The normal distribution function F(x), from `bell = exp(-x^2 / 2)`.
    private static FloatVector normal(FloatVector x, FloatVector bell) {
        FloatVector t = ONE.div(x.abs().fma(ERF_P, ONE));
        FloatVector p = t.fma(ERF_5, ERF_4).fma(t, ERF_3).fma(t, ERF_2).fma(t, ERF_1);
        FloatVector tail = p.mul(t).mul(bell);
        return tail.blend(ONE.sub(tail), x.compare(GE, ZERO));
    }

    private static final FloatVector ONE = all(1);
    private static final FloatVector HALF = all(0.5);
    private static final FloatVector MINUS_HALF = all(-0.5);
    private static final FloatVector LOWEST = all(-87); // e^-87 is the smallest normal number
    private static final FloatVector DENSITY = all(1 / Math.sqrt(2 * Math.PI));
    private static final FloatVector LOG2_E = all(1 / Math.log(2));
    private static final FloatVector SHIFT = all(0x1.8p23 + 127);
    private static final FloatVector MINUS_LN2 = all(-Math.log(2));
    private static final FloatVector E3 = all(1 / 6.0);
    private static final FloatVector E4 = all(1 / 24.0);
    private static final FloatVector E5 = all(1 / 120.0);
    private static final FloatVector E6 = all(1 / 720.0);
    private static final FloatVector ERF_P = all(0.3275911 * Math.sqrt(0.5));
    private static final FloatVector ERF_1 = all(0.254829592 / 2);
    private static final FloatVector ERF_2 = all(-0.284496736 / 2);
    private static final FloatVector ERF_3 = all(1.421413741 / 2);
    private static final FloatVector ERF_4 = all(-1.453152027 / 2);
    private static final FloatVector ERF_5 = all(1.061405429 / 2);
}
