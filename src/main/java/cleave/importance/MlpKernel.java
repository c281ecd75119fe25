package cleave.importance;

import static cleave.kernel.Lanes.LANES;
import static cleave.kernel.Lanes.WIDTH;
import static cleave.kernel.Lanes.load;
import static cleave.kernel.Products.PANEL;
import static cleave.kernel.Products.ROWS;

import cleave.kernel.Products;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// The MLPs of one site, `y_c = w_c . gelu(z W_c + b_c) + o_c` (spec G4), and their way back, in
/// float32 on arrays.
///
/// Forwards a vector is one number of the hidden layer at several positions, so that the sum over
/// the layer is one of vectors. On the way back it is several numbers of the layer at one position:
/// for each subcomponent only the positions that its gradient reaches are taken, about half behind
/// a sign-gated leak. Either way the hidden layer of a few positions is computed, used and
/// forgotten.
final class MlpKernel {
    private static final int TILE = 1 << 13; // numbers of z taken at a time, to stay in a cache
    private static final int LEAST_ROWS = 64; // of them

    private final int d;
    private final int subcomponents; // C
    private final int hidden;
    private final float[] weight; // W
    private final float[] bias; // b
    private final float[] output; // w
    private final float[] outputBias; // o
    private final int steps; // d, in whole groups of rows
    private final int panels; // of a hidden layer

    /// The MLPs of a site.
    ///
    /// @param weight W `[d, C, hidden]`
    /// @param bias b `[C, hidden]`
    /// @param output w `[C, hidden]`
    /// @param outputBias o `[C]`
    MlpKernel(float[] weight, float[] bias, float[] output, float[] outputBias) {
        this.weight = weight;
        this.bias = bias;
        this.output = output;
        this.outputBias = outputBias;
        subcomponents = outputBias.length;
        hidden = output.length / subcomponents;
        d = weight.length / output.length;
        steps = up(d, ROWS);
        panels = Math.ceilDiv(hidden, PANEL);
    }

    /// Whether the kernel can run hidden layers of this width.
    static boolean fits(int hidden) {
        return (WIDTH == 4 || WIDTH == 8) && hidden % WIDTH == 0;
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
    /// @return `[rows, C]`
    float[] forward(float[] z, int rows) {
        float[] y = new float[rows * subcomponents];
        float[] grouped = grouped();
        int most = tile(rows);
        float[] columns = new float[most * steps];
        for (int row = 0; row < rows; row += most) {
            int count = Math.min(most, rows - row);
            transpose(z, row, count, columns);
            forward(grouped, columns, count, y, row * subcomponents);
        }
        return y;
    }

    /// W as `[C, hidden / 4, steps, 4]`.
    private float[] grouped() {
        float[] grouped = new float[subcomponents * hidden * steps];
        int numbers = subcomponents * hidden;
        for (int k = 0; k < d; k++) {
            for (int i = 0; i < numbers; i++) {
                grouped[(i / ROWS * steps + k) * ROWS + i % ROWS] = weight[k * numbers + i];
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

    private void forward(float[] grouped, float[] columns, int count, float[] y, int at) {
        float[] h = new float[hidden * PANEL];
        float[] sums = new float[PANEL];
        for (int c = 0; c < subcomponents; c++) {
            for (int first = 0; first < count; first += PANEL) {
                int layer = c * hidden;
                everywhere(bias, layer, hidden, h);
                Products.grouped(
                        grouped, layer * steps, steps, columns, first * steps, h, hidden / ROWS);
                outputs(h, output, layer, hidden, outputBias[c], sums);
                int few = Math.min(PANEL, count - first);
                for (int i = 0; i < few; i++) {
                    y[at + (first + i) * subcomponents + c] = sums[i];
                }
            }
        }
    }

    /// Each of some numbers in a row of a panel.
    private static void everywhere(float[] values, int at, int count, float[] panel) {
        for (int j = 0; j < count; j++) {
            FloatVector value = FloatVector.broadcast(LANES, values[at + j]);
            value.intoArray(panel, j * PANEL);
            value.intoArray(panel, j * PANEL + WIDTH);
        }
    }

    /// `o + sum_j w_j gelu(h_j)`.
    private static void outputs(
            float[] h, float[] output, int at, int count, float bias, float[] sums) {
        FloatVector left = FloatVector.broadcast(LANES, bias);
        FloatVector right = left;
        for (int j = 0; j < count; j++) {
            FloatVector x = load(h, j * PANEL);
            FloatVector factor = FloatVector.broadcast(LANES, output[at + j]);
            left = x.mul(Normal.below(x)).fma(factor, left);
            x = load(h, j * PANEL + WIDTH);
            right = x.mul(Normal.below(x)).fma(factor, right);
        }
        left.intoArray(sums, 0);
        right.intoArray(sums, WIDTH);
    }

    /// Gradients.
    ///
    /// @param weight `[d, C, hidden]`
    /// @param bias `[C, hidden]`
    /// @param output `[C, hidden]`
    /// @param z `[rows, stride]`, of its first columns
    record Gradients(float[] weight, float[] bias, float[] output, float[] z) {}

    /// The gradients of W, b and w and of the first columns of z.
    ///
    /// @param z `[rows + 1, stride]`, the last row zero
    /// @param seen how many columns of z want a gradient; the others may get one
    /// @param dy the gradient of y, `[rows, C]`
    Gradients backward(float[] z, int rows, int seen, float[] dy) {
        Back back = new Back(z, rows, seen);
        int most = tile(rows);
        for (int row = 0; row < rows; row += most) {
            back.run(row, Math.min(most, rows - row), dy);
        }
        return new Gradients(back.toWeight(), whole(back.toBias), whole(back.toOutput), back.toZ);
    }

    /// Numbers of hidden layers `[C, hidden]`, each layer in whole panels.
    private float[] padded(float[] layers) {
        float[] padded = new float[subcomponents * panels * PANEL];
        for (int c = 0; c < subcomponents; c++) {
            System.arraycopy(layers, c * hidden, padded, c * panels * PANEL, hidden);
        }
        return padded;
    }

    private float[] whole(float[] padded) {
        float[] layers = new float[subcomponents * hidden];
        for (int c = 0; c < subcomponents; c++) {
            System.arraycopy(padded, c * panels * PANEL, layers, c * hidden, hidden);
        }
        return layers;
    }

    /// The way back, with what it reads and adds to in panels.
    private final class Back {
        private final float[] z;
        private final int nothing; // where z's last row begins
        private final int seen;
        private final float[] forth; // W: [C, panels, steps, PANEL]
        private final float[] toForth;
        private final float[] back; // W again: [C, ceil(seen / PANEL), hidden, PANEL]
        private final float[] biases = padded(bias);
        private final float[] toBias = new float[biases.length];
        private final float[] outputs = padded(output);
        private final float[] toOutput = new float[biases.length];
        private final float[] toZ;
        private final int[] rows; // that a gradient reaches: where they begin in z
        private final float[] incoming; // their gradients
        private final int[] layers; // where their hidden layers begin in a panel of h
        private final float[] h; // a panel of their hidden layers

        private Back(float[] z, int rows, int seen) {
            this.z = z;
            this.seen = seen;
            nothing = rows * stride();
            toZ = new float[z.length];
            int most = tile(rows) + ROWS;
            this.rows = new int[most];
            incoming = new float[most];
            layers = new int[most];
            Arrays.setAll(layers, i -> i * PANEL);
            h = new float[most * PANEL];
            forth = forth();
            toForth = new float[forth.length];
            back = back();
        }

        private float[] forth() {
            float[] forth = new float[subcomponents * panels * steps * PANEL];
            for (int c = 0; c < subcomponents; c++) {
                for (int k = 0; k < d; k++) {
                    for (int panel = 0; panel < panels; panel++) {
                        int to = ((c * panels + panel) * steps + k) * PANEL;
                        System.arraycopy(weight, weight(k, c, panel), forth, to, width(panel));
                    }
                }
            }
            return forth;
        }

        private float[] back() {
            int seenPanels = Math.ceilDiv(seen, PANEL);
            float[] back = new float[subcomponents * seenPanels * hidden * PANEL];
            for (int c = 0; c < subcomponents; c++) {
                for (int k = 0; k < seen; k++) {
                    int to = (c * seenPanels + k / PANEL) * hidden * PANEL + k % PANEL;
                    for (int j = 0; j < hidden; j++) {
                        back[to + j * PANEL] = weight[(k * subcomponents + c) * hidden + j];
                    }
                }
            }
            return back;
        }

        private int weight(int k, int c, int panel) {
            return (k * subcomponents + c) * hidden + panel * PANEL;
        }

        /// How many numbers of the hidden layer a panel has.
        private int width(int panel) {
            return Math.min(PANEL, hidden - panel * PANEL);
        }

        private void run(int row, int count, float[] dy) {
            for (int c = 0; c < subcomponents; c++) {
                int found = takeNonzero(dy, c, row, count);
                if (found > 0) {
                    run(c, found, up(found, ROWS));
                }
            }
        }

        /// Lists the rows that a gradient reaches, without a branch since none could be foretold,
        /// and fills the last group of rows with the one of zeros.
        private int takeNonzero(float[] dy, int c, int row, int count) {
            int[] rows = this.rows;
            float[] incoming = this.incoming;
            int stride = stride();
            int all = subcomponents;
            int found = 0;
            for (int i = 0; i < count; i++) {
                float gradient = dy[(row + i) * all + c];
                rows[found] = (row + i) * stride;
                incoming[found] = gradient;
                found += gradient == 0 ? 0 : 1;
            }
            for (int i = found; i < found + ROWS; i++) {
                rows[i] = nothing;
                incoming[i] = 0;
            }
            return found;
        }

        private void run(int c, int found, int count) {
            int seenPanels = Math.ceilDiv(seen, PANEL);
            for (int panel = 0; panel < panels; panel++) {
                int layer = (c * panels + panel) * PANEL;
                int weights = layer * steps;
                repeat(biases, layer, h, count);
                Products.scattered(z, rows, steps, forth, weights, h, 0, layers, count);
                for (int j = 0; j < width(panel); j += WIDTH) {
                    gradients(h, j, incoming, outputs, toOutput, toBias, layer + j, count);
                }
                Products.transposed(z, rows, found, h, toForth, weights, steps);
                for (int k = 0; k < seenPanels; k++) {
                    int transposed = ((c * seenPanels + k) * hidden + panel * PANEL) * PANEL;
                    Products.scattered(
                            h, layers, width(panel), back, transposed, toZ, k * PANEL, rows, count);
                }
            }
        }

        /// Gradient of W `[d, C, hidden]`.
        private float[] toWeight() {
            float[] toWeight = new float[weight.length];
            for (int c = 0; c < subcomponents; c++) {
                for (int k = 0; k < d; k++) {
                    for (int panel = 0; panel < panels; panel++) {
                        int from = ((c * panels + panel) * steps + k) * PANEL;
                        System.arraycopy(
                                toForth, from, toWeight, weight(k, c, panel), width(panel));
                    }
                }
            }
            return toWeight;
        }
    }

    /// One row in each of some rows of a panel.
    private static void repeat(float[] values, int at, float[] panel, int count) {
        FloatVector left = load(values, at);
        FloatVector right = load(values, at + WIDTH);
        for (int i = 0; i < count; i++) {
            left.intoArray(panel, i * PANEL);
            right.intoArray(panel, i * PANEL + WIDTH);
        }
    }

    /// Replaces one vector of every row of h by its gradient, and adds those of the output and the
    /// bias.
    private static void gradients(
            float[] h,
            int j,
            float[] incoming,
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
            toFactor = x.mul(below).fma(gradient, toFactor);
            gradient = x.mul(Normal.DENSITY).fma(Normal.bell(x), below).mul(factor).mul(gradient);
            toX = toX.add(gradient);
            gradient.intoArray(h, i * PANEL + j);
        }
        toFactor.intoArray(toOutput, at);
        toX.intoArray(toBias, at);
    }
}
