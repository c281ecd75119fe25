package cleave.engine;

import static cleave.engine.Lanes.LANES;
import static cleave.engine.Lanes.WIDTH;
import static cleave.engine.Lanes.ZERO;
import static cleave.engine.Lanes.bytes;
import static cleave.engine.Lanes.load;
import static cleave.engine.Lanes.number;
import static cleave.engine.Lanes.store;

import jdk.incubator.vector.FloatVector;

/// What follows the hidden layer of a gate on one number (spec G5, `mlp`), `y_c = w_c . gelu(h_c +
/// b_c) + o_c`, and its gradients, in one pass over `h` each and in vectors of the machine.
///
/// Tensors are passed as addresses of contiguous float32 numbers; the caller answers for their
/// sizes.
final class GeluKernel {
    private static final int NUMBERS = 1 << 11; // taken at a time, to stay in the first cache

    private GeluKernel() {}

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
        Block block = new Block(tile, b, w);
        for (int row = 0; row < tile.rows; row += block.mostRows) {
            int few = Math.min(tile.rows - row, block.mostRows);
            block.h = h + bytes((long) row * tile.stride());
            block.rows = few;
            block.run(FORWARD);
            for (int i = 0; i < few; i++) {
                long out = y + bytes((long) (row + i) * tile.C + tile.first);
                for (int c = 0; c < tile.count; c++) {
                    int at = i * tile.stride() + c * tile.hidden;
                    number(out + bytes(c), Lanes.sum(block.values, at) + o[tile.first + c]);
                }
            }
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
        Block block = new Block(tile, b, w);
        block.db = db;
        block.dw = dw;
        for (int row = 0; row < tile.rows; row += block.mostRows) {
            int few = Math.min(tile.rows - row, block.mostRows);
            block.h = h + bytes((long) row * tile.stride());
            block.rows = few;
            block.takeNonzero(dy + bytes((long) row * tile.C + tile.first));
            block.run(BACKWARD);
        }
    }

    /// Some rows of a tile, the list of those of their vectors that are to be read, and what passes
    /// leave for later ones.
    private static final class Block {
        private final Tile tile;
        private final int mostRows;
        private final float[] b;
        private final float[] w;
        private final int[] offsets; // of vectors from h, in numbers
        private final int[] at; // of vectors in b and w
        private final float[] incoming; // gradient of y
        private final int[] zeros; // hidden layers without one, from h, in numbers
        private final float[] values; // gelu(x) w, or x
        private final float[] bell;
        private float[] db = {};
        private float[] dw = {};
        private long h; // address of the first row
        private int rows;
        private int vectors; // listed

        private Block(Tile tile, float[] b, float[] w) {
            this.tile = tile;
            this.b = b;
            this.w = w;
            mostRows = Math.min(tile.rows, Math.max(1, NUMBERS / tile.stride()));
            int numbers = mostRows * tile.stride();
            offsets = new int[numbers / WIDTH];
            at = new int[numbers / WIDTH];
            incoming = new float[numbers / WIDTH];
            zeros = new int[numbers / tile.hidden];
            values = new float[numbers];
            bell = new float[numbers];
        }

        private void run(Pass[] passes) {
            for (Pass pass : passes) {
                pass.over(this);
            }
        }

        /// Lists the vectors whose gradient of y is not zero, and zeroes the others. Which is which
        /// cannot be foretold, so that it does not branch: what is not wanted is written over.
        private void takeNonzero(long dy) {
            int[] offsets = this.offsets;
            int[] at = this.at;
            int[] zeros = this.zeros;
            float[] incoming = this.incoming;
            int hidden = tile.hidden;
            int layers = tile.count;
            int first = tile.first * hidden;
            int each = hidden / WIDTH;
            int listed = 0;
            int empty = 0;
            for (int row = 0; row < rows; row++) {
                long gradients = dy + bytes((long) row * tile.C);
                int start = row * tile.stride();
                for (int c = 0; c < layers; c++) {
                    float gradient = number(gradients + bytes(c));
                    int layer = c * hidden;
                    for (int j = 0; j < each; j++) {
                        offsets[listed + j] = start + layer + j * WIDTH;
                        at[listed + j] = first + layer + j * WIDTH;
                        incoming[listed + j] = gradient;
                    }
                    zeros[empty] = start + layer;
                    int some = gradient == 0 ? 0 : 1;
                    listed += some * each;
                    empty += 1 - some;
                }
            }
            vectors = listed;
            for (int i = 0; i < empty; i++) {
                clear(h + bytes(zeros[i]));
            }
        }

        private void clear(long start) {
            for (int j = 0; j < tile.hidden; j += WIDTH) {
                store(ZERO, start + bytes(j));
            }
        }
    }

    /// A pass over the vectors of a block, with everything it reads in local variables: fields
    /// would be read again in each round. One place calls all of them, so that the compiler takes
    /// none into its caller: a pass stays small enough to be compiled without boxing a vector. No
    /// vector lives from one round to the next, for the same reason.
    private interface Pass {
        void over(Block block);
    }

    private static final Pass[] FORWARD = {new Products(), new Sums()};
    private static final Pass[] BACKWARD = {new Bells(), new Gradients()};

    /// `w gelu(h + b)` of every vector.
    private static final class Products implements Pass {
        @Override
        public void over(Block block) {
            int stride = block.tile.stride();
            int first = block.tile.first * block.tile.hidden;
            long h = block.h;
            float[] b = block.b;
            float[] w = block.w;
            float[] values = block.values;
            int rows = block.rows;
            for (int row = 0; row < rows; row++) {
                int start = row * stride;
                for (int i = 0; i < stride; i += WIDTH) {
                    long at = h + bytes(start + i);
                    FloatVector x = load(at).add(load(b, first + i));
                    x.mul(Normal.below(x)).mul(load(w, first + i)).intoArray(values, start + i);
                }
            }
        }
    }

    /// Adds each hidden layer's later vectors to its first.
    private static final class Sums implements Pass {
        @Override
        public void over(Block block) {
            float[] values = block.values;
            int hidden = block.tile.hidden;
            int numbers = block.rows * block.tile.stride();
            for (int j = WIDTH; j < hidden; j += WIDTH) {
                for (int i = 0; i < numbers; i += hidden) {
                    load(values, i).add(load(values, i + j)).intoArray(values, i);
                }
            }
        }
    }

    /// `x = h + b` and `exp(-x^2 / 2)`.
    private static final class Bells implements Pass {
        @Override
        public void over(Block block) {
            run(block.h, block.offsets, block.at, block.b, block.values, block.bell, block.vectors);
        }

        private static void run(
                long h, int[] offsets, int[] at, float[] b, float[] xs, float[] bells, int count) {
            for (int i = 0; i < count; i++) {
                FloatVector x = load(h + bytes(offsets[i])).add(load(b, at[i]));
                x.intoArray(xs, i * WIDTH);
                Normal.bell(x).intoArray(bells, i * WIDTH);
            }
        }
    }

    /// The gradients of h, b and w.
    private static final class Gradients implements Pass {
        @Override
        public void over(Block block) {
            long h = block.h;
            int[] offsets = block.offsets;
            int[] ats = block.at;
            float[] w = block.w;
            float[] xs = block.values;
            float[] bells = block.bell;
            float[] incoming = block.incoming;
            float[] db = block.db;
            float[] dw = block.dw;
            int count = block.vectors;
            for (int i = 0; i < count; i++) {
                int at = ats[i];
                FloatVector x = load(xs, i * WIDTH);
                FloatVector normal = Normal.below(x);
                FloatVector gradient = FloatVector.broadcast(LANES, incoming[i]);
                x.mul(normal).fma(gradient, load(dw, at)).intoArray(dw, at);
                gradient =
                        x.mul(Normal.DENSITY)
                                .fma(load(bells, i * WIDTH), normal)
                                .mul(load(w, at))
                                .mul(gradient);
                gradient.add(load(db, at)).intoArray(db, at);
                store(gradient, h + bytes(offsets[i]));
            }
        }
    }
}
