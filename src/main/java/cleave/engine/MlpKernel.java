package cleave.engine;

import static cleave.engine.ArrayProducts.PANEL;
import static cleave.engine.ArrayProducts.ROWS;
import static cleave.engine.Lanes.LANES;
import static cleave.engine.Lanes.WIDTH;
import static cleave.engine.Lanes.bytes;
import static cleave.engine.Lanes.load;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;

/// The MLPs of one site, `y_c = w_c . gelu(z W_c + b_c) + o_c` (spec G4), and their way back, in
/// float32 on arrays.
///
/// Forwards a vector is one number of the hidden layer at several positions, so that the sum over
/// the layer is one of vectors. On the way back it is several numbers of the layer at one position,
/// one panel, of one subcomponent or of two: only the positions that their gradients reach are
/// taken. Either way the hidden layer of a few positions is computed, used and forgotten.
///
/// Hidden layers are filled up with zeros to whole halves of a panel.
final class MlpKernel {
    private static final int HALF = PANEL / 2; // no hidden layer begins within one
    private static final boolean WHOLE = WIDTH == PANEL; // a vector has both halves
    private static final VectorMask<Float> RIGHT = VectorMask.fromLong(LANES, -1L << HALF);
    private static final int TILE = 1 << 13; // numbers of z taken at a time, to stay in a cache
    private static final int LEAST_ROWS = 64; // of them

    private final int d;
    private final int subcomponents; // C
    private final int given; // numbers of a hidden layer
    private final int hidden; // and of one filled up
    private final float[] weight; // W
    private final float[] bias; // b
    private final float[] output; // w
    private final float[] outputBias; // o
    private final int steps; // d, in whole groups of rows
    private final int numbers; // of all hidden layers
    private final int panels; // of them

    /// The MLPs of a site.
    ///
    /// @param weight W `[d, C, hidden]`
    /// @param bias b `[C, hidden]`
    /// @param output w `[C, hidden]`
    /// @param outputBias o `[C]`
    MlpKernel(float[] weight, float[] bias, float[] output, float[] outputBias) {
        subcomponents = outputBias.length;
        given = output.length / subcomponents;
        hidden = up(given, HALF);
        d = weight.length / output.length;
        steps = up(d, ROWS);
        numbers = subcomponents * hidden;
        panels = Math.ceilDiv(numbers, PANEL);
        this.weight = resized(weight, given, hidden);
        this.bias = resized(bias, given, hidden);
        this.output = resized(output, given, hidden);
        this.outputBias = outputBias;
    }

    /// Rows of another width, cut off or filled up with zeros.
    private static float[] resized(float[] rows, int width, int wanted) {
        if (width == wanted) {
            return rows;
        }
        float[] resized = new float[rows.length / width * wanted];
        for (int row = 0; row < rows.length / width; row++) {
            int few = Math.min(width, wanted);
            System.arraycopy(rows, row * width, resized, row * wanted, few);
        }
        return resized;
    }

    private static int up(int number, int multiple) {
        return Math.ceilDiv(number, multiple) * multiple;
    }

    /// What `z` holds from one row to the next: d numbers, then zeros.
    int stride() {
        return up(d, PANEL);
    }

    private int tile(int rows) {
        return Math.min(up(rows, PANEL), Math.max(LEAST_ROWS, up(TILE / stride(), PANEL)));
    }

    /// Computes y.
    ///
    /// @param z `[rows, stride]`
    /// @param to the address where y `[rows, C]` goes
    void forward(float[] z, int rows, long to) {
        float[] grouped = grouped();
        int most = tile(rows);
        float[] y = new float[most * subcomponents];
        float[] columns = new float[most * steps];
        for (int row = 0; row < rows; row += most) {
            int count = Math.min(most, rows - row);
            transpose(z, row, count, columns);
            forward(grouped, columns, count, y);
            Lanes.write(y, 0, count * subcomponents, to + bytes((long) row * subcomponents));
        }
    }

    /// W as `[C, hidden / ROWS, steps, ROWS]`.
    private float[] grouped() {
        float[] grouped = new float[numbers * steps];
        for (int k = 0; k < d; k++) {
            int to = k * ROWS;
            for (int i = k * numbers; i < (k + 1) * numbers; i += ROWS) {
                for (int j = 0; j < ROWS; j++) {
                    grouped[to + j] = weight[i + j];
                }
                to += steps * ROWS;
            }
        }
        return grouped;
    }

    /// Some rows of z as panels of positions, `[ceil(count / PANEL), steps, PANEL]`.
    private void transpose(float[] z, int row, int count, float[] columns) {
        Arrays.fill(columns, 0);
        int stride = stride();
        for (int i = 0; i < count; i++) {
            int to = i / PANEL * steps * PANEL + i % PANEL;
            for (int k = 0; k < d; k++) {
                columns[to + k * PANEL] = z[(row + i) * stride + k];
            }
        }
    }

    private void forward(float[] grouped, float[] columns, int count, float[] y) {
        float[] h = new float[hidden * PANEL];
        float[] sums = new float[PANEL];
        for (int c = 0; c < subcomponents; c++) {
            for (int first = 0; first < count; first += PANEL) {
                int layer = c * hidden;
                everywhere(bias, layer, hidden, h);
                ArrayProducts.grouped(
                        grouped, layer * steps, steps, columns, first * steps, h, hidden / ROWS);
                outputs(h, output, layer, hidden, outputBias[c], sums);
                int few = Math.min(PANEL, count - first);
                for (int i = 0; i < few; i++) {
                    y[(first + i) * subcomponents + c] = sums[i];
                }
            }
        }
    }

    /// Each of some numbers in a row of a panel.
    private static void everywhere(float[] values, int at, int count, float[] panel) {
        for (int j = 0; j < count; j++) {
            FloatVector value = FloatVector.broadcast(LANES, values[at + j]);
            for (int i = 0; i < PANEL; i += WIDTH) {
                value.intoArray(panel, j * PANEL + i);
            }
        }
    }

    /// `o + sum_j w_j gelu(h_j)`.
    private static void outputs(
            float[] h, float[] output, int at, int count, float bias, float[] sums) {
        for (int i = 0; i < PANEL; i += WIDTH) {
            FloatVector sum = FloatVector.broadcast(LANES, bias);
            for (int j = 0; j < count; j++) {
                FloatVector x = load(h, j * PANEL + i);
                FloatVector factor = FloatVector.broadcast(LANES, output[at + j]);
                sum = x.mul(Normal.below(x)).fma(factor, sum);
            }
            sum.intoArray(sums, i);
        }
    }

    /// Gradients.
    ///
    /// @param weight `[d, C, hidden]`
    /// @param bias `[C, hidden]`
    /// @param output `[C, hidden]`
    /// @param z `[rows + 1, stride]`, of the columns that want one, and zeros
    record Gradients(float[] weight, float[] bias, float[] output, float[] z) {}

    /// The gradients of W, b and w and of the first columns of z.
    ///
    /// @param z `[rows + 1, stride]`, the last row zero
    /// @param seen how many columns of z want a gradient
    /// @param from the address of the gradient of y, `[rows, C]`
    Gradients backward(float[] z, int rows, int seen, long from) {
        Back back = new Back(z, rows, seen);
        int most = tile(rows);
        float[] dy = new float[most * subcomponents];
        float[] columns = new float[(most + WIDTH) * subcomponents];
        for (int row = 0; row < rows; row += most) {
            int count = Math.min(most, rows - row);
            Lanes.read(from + bytes((long) row * subcomponents), dy, 0, count * subcomponents);
            columns(dy, count, columns, most + WIDTH);
            back.run(row, count, columns, most + WIDTH);
        }
        return new Gradients(
                resized(back.toWeight(), hidden, given),
                resized(Arrays.copyOf(back.toBias, numbers), hidden, given),
                resized(Arrays.copyOf(back.toOutput, numbers), hidden, given),
                back.toZ);
    }

    /// Rows `[count, C]` as columns `[C, stride]`.
    private void columns(float[] rows, int count, float[] columns, int stride) {
        for (int i = 0; i < count; i++) {
            for (int c = 0; c < subcomponents; c++) {
                columns[c * stride + i] = rows[i * subcomponents + c];
            }
        }
    }

    /// The way back, with what it reads and adds to in panels.
    private final class Back {
        private final float[] z;
        private final int nothing; // where z's last row begins
        private final int seenPanels;
        private final float[] forth; // W: [panels, steps, PANEL]
        private final float[] toForth;
        private final float[] back; // the transposed W: [panels, seen panels, PANEL, PANEL]
        private final float[] biases = Arrays.copyOf(bias, panels * PANEL);
        private final float[] toBias = new float[biases.length];
        private final float[] outputs = Arrays.copyOf(output, panels * PANEL);
        private final float[] toOutput = new float[biases.length];
        private final float[] toZ;
        private final int[] rows; // that a gradient reaches: where they begin in z
        private final float[] left; // their gradients for the panel's left half, or both
        private final float[] right; // and for its right half, where it is another's
        private final int[] layers; // where they begin in h
        private final float[] h; // a panel of their hidden layers

        private Back(float[] z, int rows, int seen) {
            this.z = z;
            nothing = rows * stride();
            toZ = new float[z.length];
            int most = tile(rows) + ROWS;
            this.rows = new int[most];
            left = new float[most];
            right = new float[most];
            layers = new int[most];
            Arrays.setAll(layers, i -> i * PANEL);
            h = new float[most * PANEL];
            forth = new float[panels * steps * PANEL];
            for (int k = 0; k < d; k++) {
                for (int i = 0; i < numbers; i += PANEL) {
                    System.arraycopy(weight, k * numbers + i, forth, forth(i, k), width(i));
                }
            }
            toForth = new float[forth.length];
            seenPanels = Math.ceilDiv(seen, PANEL);
            back = new float[panels * seenPanels * PANEL * PANEL];
            for (int k = 0; k < seen; k++) {
                for (int i = 0; i < numbers; i++) {
                    int block = (i / PANEL * seenPanels + k / PANEL) * PANEL * PANEL;
                    back[block + i % PANEL * PANEL + k % PANEL] = weight[k * numbers + i];
                }
            }
        }

        /// Where row k of the panel of number i begins.
        private int forth(int i, int k) {
            return (i / PANEL * steps + k) * PANEL;
        }

        /// How many numbers the panel from number i on has.
        private int width(int i) {
            return Math.min(PANEL, numbers - i);
        }

        /// Takes some rows.
        ///
        /// @param dy `[C, dyStride]`
        private void run(int row, int count, float[] dy, int dyStride) {
            for (int panel = 0; panel < panels; panel++) {
                int one = panel * PANEL / hidden;
                int other = Math.min((panel * PANEL + HALF) / hidden, subcomponents - 1);
                int found =
                        one == other
                                ? takeNonzero(dy, one * dyStride, row, count)
                                : takeNonzero(dy, one * dyStride, other * dyStride, row, count);
                if (found > 0) {
                    for (int i = found; i < up(found, ROWS); i++) {
                        rows[i] = nothing;
                        left[i] = 0;
                        right[i] = 0;
                    }
                    run(panel, found, up(found, ROWS), one == other ? left : right);
                }
            }
        }

        /// Lists the rows that a subcomponent's gradient reaches, without a branch since none could
        /// be foretold.
        private int takeNonzero(float[] dy, int at, int row, int count) {
            int[] rows = this.rows;
            float[] left = this.left;
            int stride = stride();
            int found = 0;
            for (int i = 0; i < count; i++) {
                float gradient = dy[at + i];
                rows[found] = (row + i) * stride;
                left[found] = gradient;
                found += gradient == 0 ? 0 : 1;
            }
            return found;
        }

        /// The same of two subcomponents.
        private int takeNonzero(float[] dy, int one, int other, int row, int count) {
            int[] rows = this.rows;
            float[] left = this.left;
            float[] right = this.right;
            int stride = stride();
            int found = 0;
            for (int i = 0; i < count; i++) {
                float first = dy[one + i];
                float second = dy[other + i];
                rows[found] = (row + i) * stride;
                left[found] = first;
                right[found] = second;
                found += first == 0 && second == 0 ? 0 : 1;
            }
            return found;
        }

        private void run(int panel, int found, int count, float[] second) {
            int layer = panel * PANEL;
            int weights = layer * steps;
            repeat(biases, layer, h, count);
            ArrayProducts.scattered(z, 0, rows, steps, forth, weights, h, 0, layers, count);
            for (int j = 0; j < PANEL; j += WIDTH) {
                float[] first = j == 0 ? left : second;
                gradients(h, j, first, second, outputs, toOutput, toBias, layer + j, count);
            }
            ArrayProducts.transposed(z, 0, rows, found, h, 0, toForth, weights, steps);
            for (int k = 0; k < seenPanels; k++) {
                int block = (panel * seenPanels + k) * PANEL * PANEL;
                ArrayProducts.scattered(
                        h, 0, layers, PANEL, back, block, toZ, k * PANEL, rows, count);
            }
        }

        /// Gradient of W `[d, C, hidden]`.
        private float[] toWeight() {
            float[] toWeight = new float[weight.length];
            for (int k = 0; k < d; k++) {
                for (int i = 0; i < numbers; i += PANEL) {
                    System.arraycopy(toForth, forth(i, k), toWeight, k * numbers + i, width(i));
                }
            }
            return toWeight;
        }
    }

    /// One row in each of some rows of a panel.
    private static void repeat(float[] values, int at, float[] panel, int count) {
        for (int j = 0; j < PANEL; j += WIDTH) {
            FloatVector some = load(values, at + j);
            for (int i = 0; i < count; i++) {
                some.intoArray(panel, i * PANEL + j);
            }
        }
    }

    /// Replaces one vector of every row of h by its gradient, and adds those of the output and the
    /// bias.
    ///
    /// @param incoming gradient of y of each row
    /// @param second that of the right half, where the vector has both halves of a panel
    private static void gradients(
            float[] h,
            int j,
            float[] incoming,
            float[] second,
            float[] output,
            float[] toOutput,
            float[] toBias,
            int at,
            int count) {
        FloatVector factor = load(output, at);
        FloatVector toFactor = load(toOutput, at);
        FloatVector toX = load(toBias, at);
        for (int i = 0; i < count; i++) {
            FloatVector x = load(h, i * PANEL + j);
            FloatVector below = Normal.below(x);
            FloatVector gradient = FloatVector.broadcast(LANES, incoming[i]);
            if (WHOLE) {
                gradient = gradient.blend(second[i], RIGHT);
            }
            toFactor = x.mul(below).fma(gradient, toFactor);
            gradient = x.mul(Normal.DENSITY).fma(Normal.bell(x), below).mul(factor).mul(gradient);
            toX = toX.add(gradient);
            gradient.intoArray(h, i * PANEL + j);
        }
        toFactor.intoArray(toOutput, at);
        toX.intoArray(toBias, at);
    }
}
