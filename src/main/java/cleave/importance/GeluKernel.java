package cleave.importance;

import static cleave.importance.Lanes.HALF;
import static cleave.importance.Lanes.LANES;
import static cleave.importance.Lanes.ONE;
import static cleave.importance.Lanes.WIDTH;
import static cleave.importance.Lanes.ZERO;
import static cleave.importance.Lanes.all;
import static cleave.importance.Lanes.bytes;
import static cleave.importance.Lanes.exp;
import static cleave.importance.Lanes.load;
import static cleave.importance.Lanes.number;
import static cleave.importance.Lanes.store;
import static jdk.incubator.vector.VectorOperators.LT;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// What follows the first matrix product of a gate, `y_c = w_c . gelu(h_c + b_c) + o_c`, and its
/// gradients, in one pass over `h` each and in vectors of the machine.
///
/// The exact GELU, `x F(x)` with F the normal distribution function, takes `F(x) - 1/2` as x times
/// a quotient of polynomials in `x^2`, fitted to it on [-5.2, 5.2] for the least greatest error
/// (6e-8, 2e-7 as computed in float32), and the derivative of F from an exponential by a polynomial
/// of degree 6. Tensors are passed as addresses of contiguous float32 numbers; the caller answers
/// for their sizes.
final class GeluKernel {
    private static final int ROWS = 32; // whose part of one subcomponent stays in the first cache

    private GeluKernel() {}

    /// Whether the kernel can run hidden layers of this width.
    static boolean fits(int hidden) {
        return (WIDTH == 4 || WIDTH == 8) && hidden % WIDTH == 0;
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
        Block block = new Block(b, w);
        for (int row = 0; row < tile.rows; row += ROWS) {
            int few = Math.min(tile.rows - row, ROWS);
            for (int i = 0; i < few; i++) {
                block.offsets[i] = bytes((long) i * tile.stride());
            }
            block.rows = few;
            for (int c = 0; c < tile.count; c++) {
                long start = h + bytes((long) row * tile.stride() + (long) c * tile.hidden);
                Arrays.fill(block.sums, 0);
                for (int j = 0; j < tile.hidden; j += WIDTH) {
                    block.h = start + bytes(j);
                    block.at = (tile.first + c) * tile.hidden + j;
                    block.run(FORWARD);
                }
                long out = y + bytes((long) row * tile.C + tile.first + c);
                reduce(block.sums, few, o[tile.first + c], out, tile.C);
            }
        }
    }

    /// Adds up each row's sums, halves onto halves: `reduceLanes` may take any order, and another
    /// one before than after compilation.
    private static void reduce(float[] sums, int rows, float o, long y, int stride) {
        for (int row = 0; row < rows; row++) {
            number(y + bytes((long) row * stride), sum(sums, row * WIDTH) + o);
        }
    }

    private static float sum(float[] s, int i) {
        return WIDTH == 4
                ? (s[i] + s[i + 2]) + (s[i + 1] + s[i + 3])
                : ((s[i] + s[i + 4]) + (s[i + 2] + s[i + 6]))
                        + ((s[i + 1] + s[i + 5]) + (s[i + 3] + s[i + 7]));
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
        Block block = new Block(b, w);
        block.db = db;
        block.dw = dw;
        for (int row = 0; row < tile.rows; row += ROWS) {
            int few = Math.min(tile.rows - row, ROWS);
            for (int c = 0; c < tile.count; c++) {
                long start = h + bytes((long) row * tile.stride() + (long) c * tile.hidden);
                long in = dy + bytes((long) row * tile.C + tile.first + c);
                block.rows = block.nonzeroFirst(in, few, tile);
                for (int j = 0; j < tile.hidden; j += WIDTH) {
                    block.h = start + bytes(j);
                    block.at = (tile.first + c) * tile.hidden + j;
                    block.run(BACKWARD);
                    block.clear(few);
                }
            }
        }
    }

    /// One vector of a subcomponent's hidden layer in some rows, and what passes leave for later
    /// ones.
    private static final class Block {
        private final float[] b;
        private final float[] w;
        private final long[] offsets = new long[ROWS]; // of rows from h, those to be read first
        private final float[] incoming = new float[ROWS]; // their gradients of y
        private final float[] x = new float[ROWS * WIDTH];
        private final float[] bell = new float[ROWS * WIDTH];
        private final float[] sums = new float[ROWS * WIDTH]; // of w gelu(x)
        private float[] db = {};
        private float[] dw = {};
        private long h; // address of the vector in the first row
        private int at; // of the vector in b and w
        private int rows; // to be read

        private Block(float[] b, float[] w) {
            this.b = b;
            this.w = w;
        }

        private void run(Pass[] passes) {
            for (Pass pass : passes) {
                pass.over(this);
            }
        }

        /// Orders rows so that those whose gradient is not zero come first.
        ///
        /// @return how many those are
        private int nonzeroFirst(long dy, int few, Tile tile) {
            int front = 0;
            int back = few;
            for (int row = 0; row < few; row++) {
                float value = number(dy + bytes((long) row * tile.C));
                incoming[front] = value;
                offsets[value == 0 ? back - 1 : front] = bytes((long) row * tile.stride());
                back -= value == 0 ? 1 : 0;
                front += value == 0 ? 0 : 1;
            }
            return front;
        }

        /// Zeroes the vector in the rows that are not read.
        private void clear(int few) {
            for (int i = rows; i < few; i++) {
                store(ZERO, h + offsets[i]);
            }
        }
    }

    /// A pass over the rows of a block. One place calls all of them, so that the compiler takes
    /// none into its caller: a pass stays small enough to be compiled without boxing a vector. No
    /// vector lives from one row to the next, for the same reason.
    private interface Pass {
        void over(Block block);
    }

    private static final Pass[] FORWARD = {new Sums()};
    private static final Pass[] BACKWARD = {new Bells(), new Gradients()};

    /// Adds `w gelu(h + b)`.
    private static final class Sums implements Pass {
        @Override
        public void over(Block block) {
            FloatVector bias = load(block.b, block.at);
            FloatVector weight = load(block.w, block.at);
            for (int row = 0; row < block.rows; row++) {
                FloatVector x = load(block.h + block.offsets[row]).add(bias);
                x.mul(normal(x))
                        .fma(weight, load(block.sums, row * WIDTH))
                        .intoArray(block.sums, row * WIDTH);
            }
        }
    }

    /// `x = h + b` and `exp(-x^2 / 2)`.
    private static final class Bells implements Pass {
        @Override
        public void over(Block block) {
            FloatVector bias = load(block.b, block.at);
            for (int row = 0; row < block.rows; row++) {
                FloatVector x = load(block.h + block.offsets[row]).add(bias);
                x.intoArray(block.x, row * WIDTH);
                bell(x).intoArray(block.bell, row * WIDTH);
            }
        }
    }

    /// The gradients of h, b and w.
    private static final class Gradients implements Pass {
        @Override
        public void over(Block block) {
            FloatVector weight = load(block.w, block.at);
            for (int row = 0; row < block.rows; row++) {
                FloatVector x = load(block.x, row * WIDTH);
                FloatVector normal = normal(x);
                FloatVector gradient = FloatVector.broadcast(LANES, block.incoming[row]);
                x.mul(normal).fma(gradient, load(block.dw, block.at)).intoArray(block.dw, block.at);
                gradient =
                        x.mul(DENSITY)
                                .fma(load(block.bell, row * WIDTH), normal)
                                .mul(weight)
                                .mul(gradient);
                gradient.add(load(block.db, block.at)).intoArray(block.db, block.at);
                store(gradient, block.h + block.offsets[row]);
            }
        }
    }

    /// `exp(-x^2 / 2)`.
    private static FloatVector bell(FloatVector x) {
        return exp(x.mul(x).mul(MINUS_HALF).max(LOWEST));
    }

    /// The normal distribution function F(x).
    private static FloatVector normal(FloatVector x) {
        FloatVector near = x.max(LEFT).min(RIGHT);
        FloatVector t = near.mul(near);
        FloatVector p = t.fma(P4, P3).fma(t, P2).fma(t, P1).fma(t, P0).mul(near);
        FloatVector q = t.fma(Q5, Q4).fma(t, Q3).fma(t, Q2).fma(t, Q1).fma(t, ONE);
        return p.div(q).add(HALF).blend(ZERO, x.compare(LT, LEFT));
    }

    private static final FloatVector MINUS_HALF = all(-0.5);
    private static final FloatVector LOWEST = all(-87); // e^-87 is the smallest normal number
    private static final FloatVector DENSITY = all(1 / Math.sqrt(2 * Math.PI));
    private static final FloatVector LEFT = all(-5.2); // F is 1e-7 there
    private static final FloatVector RIGHT = all(5.2);
    private static final FloatVector P0 = all(0.3989419174490754);
    private static final FloatVector P1 = all(0.049592703593690675);
    private static final FloatVector P2 = all(0.005518676778474106);
    private static final FloatVector P3 = all(0.00031425346160587284);
    private static final FloatVector P4 = all(5.840417521579e-06);
    private static final FloatVector Q1 = all(0.2909712403451789);
    private static final FloatVector Q2 = all(0.037339372474039935);
    private static final FloatVector Q3 = all(0.0027036952250449075);
    private static final FloatVector Q4 = all(0.00011273675581190156);
    private static final FloatVector Q5 = all(5.018823929790842e-07);
}
