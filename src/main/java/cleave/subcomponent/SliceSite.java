package cleave.subcomponent;

import static cleave.kernel.Lanes.ONE;
import static cleave.kernel.Lanes.WIDTH;
import static cleave.kernel.Lanes.ZERO;
import static cleave.kernel.Lanes.load;
import static cleave.kernel.Products.PANEL;
import static cleave.kernel.Products.ROWS;
import static jdk.incubator.vector.VectorOperators.EQ;

import cleave.kernel.Kernels;
import cleave.kernel.Lanes;
import cleave.kernel.Products;
import cleave.target.Site;
import cleave.tensor.OwnGradient;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// A narrow site in the passes of one slice: `y = ((x V) * m) U` and its way back to x, V, U and
/// the importances, in float32 on arrays, past libtorch's graph.
///
/// A few positions at a time: neither inner activations nor masks nor their gradients leave the
/// first caches, and what is needed of them on the way back is computed again. Gradients of all
/// passes add up here, and reach the leaves once, by `backward`.
public final class SliceSite {
    private static final int BLOCK = 32; // positions taken at a time
    private static final int WIDEST = 64;

    private final Subcomponents subcomponents;
    private final Tensor lower; // [B, T, C]
    private final boolean @Nullable [] valid; // [B, T]
    private final int sequences; // B
    private final int length; // T
    private final int C;
    private final int width; // of input and output
    private final int panels; // of input and output
    private final int stride; // C in whole panels
    private final int steps; // C in whole pairs
    private final float[] g; // [N, C] and a panel
    private final float[] toG;
    private final float[] V; // [C panels, panels, PANEL, PANEL]: by subcomponents
    private final float[] transposedV; // [panels, stride, PANEL]: by numbers of x
    private final float[] transposedU; // like V
    private final float[] U; // like transposedV: by numbers of y
    private final float[] toV; // like transposedV
    private final float[] toU; // like U
    private SliceMask.@Nullable Peaks toPeaks;
    private final int[] rows = new int[BLOCK]; // where rows of inner activations begin
    private final int[] narrow = new int[BLOCK]; // where rows of a panel begin

    /// A site in a slice.
    ///
    /// @param subcomponents V and U, leaves with gradients
    /// @param lower the lower importances `[B, T, C]`, a leaf
    /// @param valid `[B, T]`; null when all positions are valid
    public SliceSite(Subcomponents subcomponents, Tensor lower, @Nullable Tensor valid) {
        this.subcomponents = subcomponents;
        this.lower = lower;
        this.valid = valid == null ? null : Tensors.toBooleans(valid);
        sequences = Math.toIntExact(lower.size(0));
        length = Math.toIntExact(lower.size(1));
        C = Math.toIntExact(lower.size(2));
        width = Math.toIntExact(subcomponents.V().size(0));
        panels = Math.ceilDiv(width, PANEL);
        stride = Math.ceilDiv(C, PANEL) * PANEL;
        steps = C + C % 2;
        g = padded(lower);
        toG = new float[g.length];
        float[] byInput = Tensors.toFloats(subcomponents.V().t());
        float[] byOutput = Tensors.toFloats(subcomponents.U());
        V = crosswise(byInput);
        transposedV = lengthwise(byInput);
        transposedU = crosswise(byOutput);
        U = lengthwise(byOutput);
        toV = new float[transposedV.length];
        toU = new float[U.length];
        Arrays.setAll(rows, i -> i * stride);
        Arrays.setAll(narrow, i -> i * PANEL);
    }

    /// Whether the kernel can run a site.
    public static boolean fits(Site site, ScalarType type) {
        return Kernels.read(type)
                && (WIDTH == 4 || WIDTH == 8)
                && site.dIn() == site.dOut()
                && site.dIn() <= WIDEST;
    }

    /// An array `[N, C]` and a panel more, since vectors may begin in its last row.
    public float[] empty() {
        return new float[Math.toIntExact(lower.numel()) + PANEL];
    }

    /// Masks `[C]` in an array that vectors can read.
    public float[] everywhere(double[] masks) {
        float[] everywhere = new float[stride];
        for (int c = 0; c < C; c++) {
            everywhere[c] = (float) masks[c];
        }
        return everywhere;
    }

    /// Where gradients of each sequence's largest importances add up.
    public SliceMask.Peaks toPeaks() {
        if (toPeaks == null) {
            toPeaks = new SliceMask.Peaks(new float[sequences * C + PANEL], length * C, C);
        }
        return toPeaks;
    }

    private static float[] padded(Tensor tensor) {
        float[] padded = new float[Math.toIntExact(tensor.numel()) + PANEL];
        Lanes.read(Kernels.address(tensor.detach().contiguous()), padded, 0, padded.length - PANEL);
        return padded;
    }

    /// A matrix `[C, width]` as `[panels, stride, PANEL]`.
    private float[] lengthwise(float[] matrix) {
        float[] packed = new float[panels * stride * PANEL];
        for (int c = 0; c < C; c++) {
            for (int i = 0; i < width; i++) {
                packed[(i / PANEL * stride + c) * PANEL + i % PANEL] = matrix[c * width + i];
            }
        }
        return packed;
    }

    /// The same transposed, as `[C panels, panels, PANEL, PANEL]`.
    private float[] crosswise(float[] matrix) {
        float[] packed = new float[stride * panels * PANEL];
        for (int c = 0; c < C; c++) {
            for (int i = 0; i < width; i++) {
                packed[(c / PANEL * panels * PANEL + i) * PANEL + c % PANEL] =
                        matrix[c * width + i];
            }
        }
        return packed;
    }

    /// What the subcomponents write under masks in one pass.
    public MaskedSubcomponents under(SliceMask mask) {
        return (input, positions) -> output(input, mask, positions);
    }

    private Tensor output(Tensor x, SliceMask mask, @Nullable Tensor positions) {
        Tensor flat = x.detach().reshape(-1, width).contiguous();
        int[] at = places(Math.toIntExact(flat.size(0)), positions);
        Tensor y = Tensors.empty(ScalarType.Float, flat.shape());
        new Pass(flat, mask, at).forward(y);
        Tensor shaped = y.view(x.shape());
        return GradMode.is_enabled()
                ? OwnGradient.of(
                        x, shaped, dy -> new Pass(flat, mask, at).backward(dy, x.requires_grad()))
                : shaped;
    }

    /// Where each row's importances begin.
    private int[] places(int count, @Nullable Tensor positions) {
        int[] at = new int[count];
        if (positions == null) {
            Arrays.setAll(at, i -> i * C);
        } else {
            long[] chosen = Tensors.toLongs(positions);
            int each = Math.toIntExact(positions.size(1));
            Arrays.setAll(at, i -> (i / each * length + Math.toIntExact(chosen[i])) * C);
        }
        return at;
    }

    /// Adds the gradients that all passes left to the leaves' own.
    public void backward() {
        Scopes.run(() -> {
            float[] byInput = new float[C * width];
            float[] byOutput = new float[C * width];
            for (int c = 0; c < C; c++) {
                for (int i = 0; i < width; i++) {
                    int at = (i / PANEL * stride + c) * PANEL + i % PANEL;
                    byInput[c * width + i] = toV[at];
                    byOutput[c * width + i] = toU[at];
                }
            }
            subcomponents.V().grad().add_(Tensors.of(byInput, ScalarType.Float, C, width).t());
            subcomponents.U().grad().add_(Tensors.of(byOutput, ScalarType.Float, C, width));
            if (toPeaks != null) {
                shareOut(toPeaks.gradient());
            }
            Tensor gradient = Tensors.empty(ScalarType.Float, lower.shape());
            Lanes.write(toG, 0, toG.length - PANEL, Kernels.address(gradient));
            Tensors.backward(lower, gradient);
        });
    }

    /// Adds gradients `[B, C]` of each sequence's largest importances to those of the importances.
    private void shareOut(float[] gradients) {
        float[] most = new float[stride];
        float[] shares = new float[stride];
        for (int sequence = 0; sequence < sequences; sequence++) {
            int first = sequence * length;
            Arrays.fill(most, Float.NEGATIVE_INFINITY);
            Arrays.fill(shares, 0);
            for (int position = first; position < first + length; position++) {
                if (isValid(position)) {
                    raise(most, position * C);
                }
            }
            for (int position = first; position < first + length; position++) {
                if (isValid(position)) {
                    count(most, position * C, shares);
                }
            }
            for (int c = 0; c < C; c++) {
                shares[c] = gradients[sequence * C + c] / shares[c];
            }
            Arrays.fill(shares, C, stride, 0);
            for (int position = first; position < first + length; position++) {
                if (isValid(position)) {
                    share(most, position * C, shares);
                }
            }
        }
    }

    private void raise(float[] most, int at) {
        for (int c = 0; c < C; c += WIDTH) {
            load(most, c).max(load(g, at + c)).intoArray(most, c);
        }
    }

    private void count(float[] most, int at, float[] counts) {
        for (int c = 0; c < C; c += WIDTH) {
            var peak = load(g, at + c).compare(EQ, load(most, c));
            load(counts, c).add(ZERO.blend(ONE, peak)).intoArray(counts, c);
        }
    }

    private void share(float[] most, int at, float[] shares) {
        for (int c = 0; c < C; c += WIDTH) {
            var peak = load(g, at + c).compare(EQ, load(most, c));
            load(toG, at + c).add(ZERO.blend(load(shares, c), peak)).intoArray(toG, at + c);
        }
    }

    private boolean isValid(int position) {
        return valid == null || valid[position];
    }

    /// One way of a pass over some positions.
    private final class Pass {
        private final Tensor x; // [N, width]
        private final SliceMask mask;
        private final int[] at; // of each position: where its importances begin
        private final float[] xs = new float[panels * BLOCK * PANEL];
        private final float[] inner = new float[BLOCK * stride];
        private final float[] masks = new float[BLOCK * stride];

        Pass(Tensor x, SliceMask mask, int[] at) {
            this.x = x;
            this.mask = mask;
            this.at = at;
        }

        void forward(Tensor y) {
            float[] ys = new float[panels * BLOCK * PANEL];
            for (int row = 0; row < at.length; row += BLOCK) {
                int count = Math.min(BLOCK, at.length - row);
                int groups = groups(count);
                read(x, row, count, xs);
                crossed(xs, V, inner, groups);
                masks(row, count);
                times(inner, masks, groups * stride);
                lengthened(inner, U, ys, groups);
                write(ys, y, row, count);
            }
        }

        /// The gradient of x, from that of y; the latter when x wants none.
        Tensor backward(Tensor gradient, boolean wanted) {
            Tensor dy = gradient.reshape(-1, width).contiguous();
            Tensor dx = wanted ? Tensors.empty(ScalarType.Float, dy.shape()) : dy;
            float[] dys = new float[panels * BLOCK * PANEL];
            float[] dxs = new float[wanted ? dys.length : 0];
            float[] toInner = new float[inner.length];
            float[] toMasks = new float[inner.length];
            for (int row = 0; row < at.length; row += BLOCK) {
                int count = Math.min(BLOCK, at.length - row);
                int groups = groups(count);
                read(x, row, count, xs);
                read(dy, row, count, dys);
                crossed(xs, V, inner, groups);
                crossed(dys, transposedU, toInner, groups);
                masks(row, count);
                through(inner, toInner, masks, toMasks, groups * stride);
                for (int i = 0; i < count; i++) {
                    mask.back(toMasks, i * stride, C, toG, at[row + i]);
                }
                for (int panel = 0; panel < panels; panel++) {
                    int into = panel * stride * PANEL;
                    int from = panel * BLOCK * PANEL;
                    int columns = groups(C);
                    Products.transposed(inner, 0, rows, count, dys, from, toU, into, columns);
                    Products.transposed(toInner, 0, rows, count, xs, from, toV, into, columns);
                }
                if (wanted) {
                    lengthened(toInner, transposedV, dxs, groups);
                    write(dxs, dx, row, count);
                }
            }
            return dx.view(gradient.shape());
        }

        private void masks(int row, int count) {
            for (int i = 0; i < count; i++) {
                mask.fill(g, at[row + i], C, masks, i * stride);
            }
        }
    }

    private static int groups(int count) {
        return Math.ceilDiv(count, ROWS) * ROWS;
    }

    /// Rows of a matrix `[N, width]` as panels `[panels, BLOCK, PANEL]`, those after them zero.
    private void read(Tensor matrix, int row, int count, float[] into) {
        if (count < BLOCK) {
            Arrays.fill(into, 0);
        }
        long address = Kernels.address(matrix, (long) row * width);
        for (int i = 0; i < count; i++) {
            for (int first = 0; first < width; first += PANEL) {
                Lanes.read(
                        address + Lanes.bytes((long) i * width + first),
                        into,
                        first * BLOCK + i * PANEL,
                        Math.min(PANEL, width - first));
            }
        }
    }

    private void write(float[] panels, Tensor matrix, int row, int count) {
        long address = Kernels.address(matrix, (long) row * width);
        for (int i = 0; i < count; i++) {
            for (int first = 0; first < width; first += PANEL) {
                Lanes.write(
                        panels,
                        first * BLOCK + i * PANEL,
                        Math.min(PANEL, width - first),
                        address + Lanes.bytes((long) i * width + first));
            }
        }
    }

    /// From rows of width numbers to rows of C.
    private void crossed(float[] narrowRows, float[] matrix, float[] out, int count) {
        Arrays.fill(out, 0, count * stride, 0);
        for (int first = 0; first < stride; first += PANEL) {
            for (int panel = 0; panel < panels; panel++) {
                Products.scattered(
                        narrowRows,
                        panel * BLOCK * PANEL,
                        narrow,
                        PANEL,
                        matrix,
                        (first * panels + panel * PANEL) * PANEL,
                        out,
                        first,
                        rows,
                        count);
            }
        }
    }

    /// From rows of C numbers to rows of width.
    private void lengthened(float[] wideRows, float[] matrix, float[] out, int count) {
        Arrays.fill(out, 0);
        for (int panel = 0; panel < panels; panel++) {
            Products.scattered(
                    wideRows,
                    0,
                    rows,
                    steps,
                    matrix,
                    panel * stride * PANEL,
                    out,
                    panel * BLOCK * PANEL,
                    narrow,
                    count);
        }
    }

    private static void times(float[] inner, float[] masks, int count) {
        for (int i = 0; i < count; i += WIDTH) {
            load(inner, i).mul(load(masks, i)).intoArray(inner, i);
        }
    }

    /// From inner activations h, the gradient of masked ones e and masks m: `h * m`, `e * m`, and
    /// the masks' gradient `h * e`.
    private static void through(
            float[] inner, float[] toInner, float[] masks, float[] toMasks, int count) {
        for (int i = 0; i < count; i += WIDTH) {
            FloatVector h = load(inner, i);
            FloatVector e = load(toInner, i);
            FloatVector m = load(masks, i);
            h.mul(e).intoArray(toMasks, i);
            h.mul(m).intoArray(inner, i);
            e.mul(m).intoArray(toInner, i);
        }
    }
}
