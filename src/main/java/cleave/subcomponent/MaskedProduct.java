package cleave.subcomponent;

import static cleave.kernel.Lanes.WIDTH;
import static cleave.kernel.Lanes.bytes;
import static cleave.kernel.Lanes.load;
import static cleave.kernel.Lanes.number;
import static cleave.kernel.Lanes.store;
import static cleave.kernel.Products.PANEL;

import cleave.kernel.Kernels;
import cleave.kernel.Lanes;
import cleave.kernel.Products;
import cleave.tensor.Tape;
import cleave.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The masked subcomponents of a site, `((x V) * m) U`, and their way back, in float32.
///
/// A few positions and one panel of subcomponents at a time, so that inner activations never leave
/// the first cache; on the way back they are computed again.
final class MaskedProduct {
    private static final int ROWS = 64; // positions taken at a time

    private final Tensor x; // [N, d_in]
    private final Tensor mask; // [N, C]
    private final int N;
    private final int C;
    private final int dIn;
    private final int dOut;
    private final int panels; // of subcomponents
    private final int inPanels;
    private final int outPanels;
    private final float[] V; // [d_in, C]
    private final float[] U; // [C, d_out]
    private final float[] reading; // V: [panels, in, PANEL], in being d_in in whole panels
    private final int[] xRows = new int[ROWS]; // where rows of x begin
    private final int[] yRows = new int[ROWS];
    private final int[] rows = new int[ROWS]; // where rows of a panel begin

    private MaskedProduct(Tensor x, Tensor mask, Tensor V, Tensor U) {
        this.x = x;
        this.mask = mask;
        N = Math.toIntExact(x.size(0));
        C = Math.toIntExact(mask.size(1));
        dIn = Math.toIntExact(x.size(1));
        dOut = Math.toIntExact(U.size(1));
        panels = Math.ceilDiv(C, PANEL);
        inPanels = Math.ceilDiv(dIn, PANEL);
        outPanels = Math.ceilDiv(dOut, PANEL);
        this.V = Tensors.toFloats(V);
        this.U = Tensors.toFloats(U);
        reading = new float[panels * in() * PANEL];
        for (int i = 0; i < dIn; i++) {
            for (int c = 0; c < C; c++) {
                reading[(c / PANEL * in() + i) * PANEL + c % PANEL] = this.V[i * C + c];
            }
        }
        Arrays.setAll(xRows, i -> i * in());
        Arrays.setAll(yRows, i -> i * out());
        Arrays.setAll(rows, i -> i * PANEL);
    }

    private int in() {
        return inPanels * PANEL;
    }

    private int out() {
        return outPanels * PANEL;
    }

    /// Whether the kernel can run on numbers of this type.
    static boolean fits(ScalarType type) {
        return Kernels.read(type) && (WIDTH == 4 || WIDTH == 8);
    }

    /// The masked subcomponents' output `[B, T, d_out]`.
    ///
    /// @param tape records the operation
    /// @param x `[B, T, d_in]`
    /// @param V `[d_in, C]`
    /// @param mask `[B, T, C]`
    /// @param U `[C, d_out]`
    static Tensor on(Tape tape, Tensor x, Tensor V, Tensor mask, Tensor U) {
        Tensor flat = x.detach().reshape(-1, x.size(2)).contiguous();
        Tensor flatMask = mask.detach().reshape(-1, mask.size(2)).contiguous();
        MaskedProduct product = new MaskedProduct(flat, flatMask, V, U);
        Tensor y = product.forward().view(x.size(0), x.size(1), product.dOut);
        return tape.result(
                y,
                gradient -> product.backward(gradient, x, V, mask, U),
                flat,
                flatMask,
                x,
                V,
                mask,
                U);
    }

    private Tensor forward() {
        Tensor y = Tensors.empty(ScalarType.Float, N, dOut);
        float[] writing = writing();
        float[] xs = new float[ROWS * in()];
        float[] ys = new float[ROWS * out()];
        float[] h = new float[ROWS * PANEL];
        for (int row = 0; row < N; row += ROWS) {
            int count = Math.min(ROWS, N - row);
            int groups = up(count);
            read(x, row, count, xs, in());
            Arrays.fill(ys, 0);
            for (int panel = 0; panel < panels; panel++) {
                inner(xs, panel, groups, h);
                times(h, maskAt(mask, row, panel), C, width(panel), count);
                for (int out = 0; out < outPanels; out++) {
                    int block = (panel * outPanels + out) * PANEL * PANEL;
                    Products.scattered(
                            h, rows, PANEL, writing, block, ys, out * PANEL, yRows, groups);
                }
            }
            write(ys, out(), count, y, row);
        }
        return y;
    }

    private void inner(float[] xs, int panel, int groups, float[] h) {
        Arrays.fill(h, 0);
        Products.scattered(xs, xRows, in(), reading, panel * in() * PANEL, h, 0, rows, groups);
    }

    private static int up(int count) {
        return Math.ceilDiv(count, Products.ROWS) * Products.ROWS;
    }

    /// How many subcomponents a panel has.
    private int width(int panel) {
        return Math.min(PANEL, C - panel * PANEL);
    }

    private long maskAt(Tensor numbers, int row, int panel) {
        return Kernels.address(numbers, (long) row * C + (long) panel * PANEL);
    }

    /// U as `[panels, out panels, PANEL, PANEL]`.
    private float[] writing() {
        float[] writing = new float[panels * outPanels * PANEL * PANEL];
        for (int c = 0; c < C; c++) {
            for (int o = 0; o < dOut; o++) {
                int block = c / PANEL * outPanels + o / PANEL;
                writing[(block * PANEL + c % PANEL) * PANEL + o % PANEL] = U[c * dOut + o];
            }
        }
        return writing;
    }

    /// The transposed U as `[panels, out, PANEL]`.
    private float[] written() {
        float[] written = new float[panels * out() * PANEL];
        for (int c = 0; c < C; c++) {
            for (int o = 0; o < dOut; o++) {
                written[(c / PANEL * out() + o) * PANEL + c % PANEL] = U[c * dOut + o];
            }
        }
        return written;
    }

    /// The transposed V as `[panels, in panels, PANEL, PANEL]`.
    private float[] read() {
        float[] read = new float[panels * inPanels * PANEL * PANEL];
        for (int i = 0; i < dIn; i++) {
            for (int c = 0; c < C; c++) {
                int block = c / PANEL * inPanels + i / PANEL;
                read[(block * PANEL + c % PANEL) * PANEL + i % PANEL] = V[i * C + c];
            }
        }
        return read;
    }

    private void backward(Tensor gradient, Tensor x, Tensor V, Tensor mask, Tensor U) {
        Tensor dy = gradient.reshape(-1, dOut).contiguous();
        Tensor toX = Tensors.empty(ScalarType.Float, x.requires_grad() ? N : 0, dIn);
        Tensor toMask = Tensors.empty(ScalarType.Float, mask.requires_grad() ? N : 0, C);
        float[] written = written();
        float[] read = read();
        float[] toReading = new float[reading.length];
        float[] toWritten = new float[written.length];
        float[] xs = new float[ROWS * in()];
        float[] dxs = new float[ROWS * in()];
        float[] dys = new float[ROWS * out()];
        float[] h = new float[ROWS * PANEL];
        float[] e = new float[ROWS * PANEL];
        for (int row = 0; row < N; row += ROWS) {
            int count = Math.min(ROWS, N - row);
            int groups = up(count);
            read(this.x, row, count, xs, in());
            read(dy, row, count, dys, out());
            Arrays.fill(dxs, 0);
            for (int panel = 0; panel < panels; panel++) {
                inner(xs, panel, groups, h);
                Arrays.fill(e, 0);
                int out = panel * out() * PANEL;
                Products.scattered(dys, yRows, out(), written, out, e, 0, rows, groups);
                if (mask.requires_grad()) {
                    product(h, e, maskAt(toMask, row, panel), C, width(panel), count);
                }
                times(h, maskAt(this.mask, row, panel), C, width(panel), count);
                times(e, maskAt(this.mask, row, panel), C, width(panel), count);
                Products.transposed(dys, yRows, count, h, toWritten, out, out());
                Products.transposed(xs, xRows, count, e, toReading, panel * in() * PANEL, in());
                for (int in = 0; x.requires_grad() && in < inPanels; in++) {
                    int block = (panel * inPanels + in) * PANEL * PANEL;
                    Products.scattered(e, rows, PANEL, read, block, dxs, in * PANEL, xRows, groups);
                }
            }
            if (x.requires_grad()) {
                write(dxs, in(), count, toX, row);
            }
        }
        Tensors.backward(V, toV(toReading));
        Tensors.backward(U, toU(toWritten));
        if (mask.requires_grad()) {
            Tensors.backward(mask, toMask.view(mask.shape()));
        }
        if (x.requires_grad()) {
            Tensors.backward(x, toX.view(x.shape()));
        }
    }

    private Tensor toV(float[] toReading) {
        float[] toV = new float[V.length];
        for (int i = 0; i < dIn; i++) {
            for (int c = 0; c < C; c++) {
                toV[i * C + c] = toReading[(c / PANEL * in() + i) * PANEL + c % PANEL];
            }
        }
        return Tensors.of(toV, ScalarType.Float, dIn, C);
    }

    private Tensor toU(float[] toWritten) {
        float[] toU = new float[U.length];
        for (int c = 0; c < C; c++) {
            for (int o = 0; o < dOut; o++) {
                toU[c * dOut + o] = toWritten[(c / PANEL * out() + o) * PANEL + c % PANEL];
            }
        }
        return Tensors.of(toU, ScalarType.Float, C, dOut);
    }

    /// Rows of a matrix, each to its place in an array.
    private static void read(Tensor matrix, int row, int count, float[] into, int stride) {
        int width = Math.toIntExact(matrix.size(1));
        long address = Kernels.address(matrix, (long) row * width);
        for (int i = 0; i < count; i++) {
            Lanes.read(address + bytes((long) i * width), into, i * stride, width);
        }
    }

    private static void write(float[] values, int stride, int count, Tensor matrix, int row) {
        int width = Math.toIntExact(matrix.size(1));
        long address = Kernels.address(matrix, (long) row * width);
        for (int i = 0; i < count; i++) {
            Lanes.write(values, i * stride, width, address + bytes((long) i * width));
        }
    }

    /// Multiplies the rows of a panel with those of a part of a matrix of this many columns.
    private static void times(float[] panel, long mask, int columns, int width, int count) {
        if (width < PANEL) {
            for (int i = 0; i < count; i++) {
                for (int c = 0; c < width; c++) {
                    panel[i * PANEL + c] *= number(mask + bytes((long) i * columns + c));
                }
            }
            return;
        }
        for (int i = 0; i < count; i++) {
            int at = i * PANEL;
            long from = mask + bytes((long) i * columns);
            load(panel, at).mul(load(from)).intoArray(panel, at);
            load(panel, at + WIDTH).mul(load(from + bytes(WIDTH))).intoArray(panel, at + WIDTH);
        }
    }

    /// Stores the product of two panels in a part of a matrix.
    private static void product(
            float[] one, float[] other, long into, int columns, int width, int count) {
        if (width < PANEL) {
            for (int i = 0; i < count; i++) {
                for (int c = 0; c < width; c++) {
                    int at = i * PANEL + c;
                    number(into + bytes((long) i * columns + c), one[at] * other[at]);
                }
            }
            return;
        }
        for (int i = 0; i < count; i++) {
            int at = i * PANEL;
            long to = into + bytes((long) i * columns);
            store(load(one, at).mul(load(other, at)), to);
            store(load(one, at + WIDTH).mul(load(other, at + WIDTH)), to + bytes(WIDTH));
        }
    }
}
