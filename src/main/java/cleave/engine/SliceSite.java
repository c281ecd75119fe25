package cleave.engine;

import static cleave.engine.ArrayProducts.PANEL;
import static cleave.engine.ArrayProducts.ROWS;
import static cleave.engine.Lanes.ONE;
import static cleave.engine.Lanes.WIDTH;
import static cleave.engine.Lanes.ZERO;
import static cleave.engine.Lanes.bytes;
import static cleave.engine.Lanes.load;
import static cleave.engine.Lanes.store;
import static jdk.incubator.vector.VectorOperators.EQ;

import cleave.tensor.Gradients;
import cleave.tensor.OwnGradient;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.LongConsumer;
import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;

/// A narrow site in the passes of one slice: `y = ((x V) * m) U` and its way back to x, V, U and
/// the importances, in float32 on arrays, past libtorch's graph.
///
/// A few positions at a time: neither inner activations nor masks nor their gradients leave the
/// first caches, and what is needed of them on the way back is computed again. Gradients of all
/// passes add up here, and reach the leaves once, by `backward`.
public final class SliceSite {
    private static final int BLOCK = 32; // positions taken at a time

    private final Tensor readers; // V [d, C]
    private final Tensor writers; // U [C, d]
    private final Tensor lower; // [B, T, C]
    private final boolean @Nullable [] valid; // [B, T]
    private final int sequences; // B
    private final int length; // T
    private final int C;
    private final int stride; // C in whole panels
    private final int numbers; // N stride
    private final Panels outer; // positions by inputs or outputs
    private final Panels reading; // inputs or outputs by subcomponents
    private final Panels writing; // subcomponents by inputs or outputs
    private final Tensor importances; // [N, stride]
    private final long g; // where they lie
    private final Tensor gradients; // likewise
    private final long toG; // where they lie
    private final float[] V; // reading
    private final float[] transposedV; // writing
    private final float[] U; // writing
    private final float[] transposedU; // reading
    private final float[] toTransposedV; // writing
    private final float[] toU; // writing
    private SliceMask.@Nullable Peaks toPeaks;

    // Of the positions taken.
    private final float[] xs; // outer
    private final float[] ys; // outer
    private final float[] toYs; // outer
    private final float[] acts; // [BLOCK, stride]
    private final float[] toActs;
    private final float[] masks;
    private final float[] toMasks;
    private final int[] wide = new int[BLOCK]; // where their rows begin
    private final int[] narrow = new int[BLOCK]; // and those of a panel

    /// A site in a slice.
    ///
    /// @param V `[d, C]`, a leaf that has a gradient to be added to
    /// @param U `[C, d]`, likewise
    /// @param lower the lower importances `[B, T, C]`, a leaf
    /// @param valid `[B, T]`; null when all positions are valid
    SliceSite(Tensor V, Tensor U, Tensor lower, @Nullable Tensor valid) {
        readers = V;
        writers = U;
        this.lower = lower;
        this.valid = valid == null ? null : Tensors.toBooleans(valid);
        sequences = Math.toIntExact(lower.size(0));
        length = Math.toIntExact(lower.size(1));
        C = Math.toIntExact(lower.size(2));
        stride = Math.ceilDiv(C, PANEL) * PANEL;
        numbers = sequences * length * stride;
        int width = Math.toIntExact(V.size(0));
        outer = new Panels(BLOCK, width);
        reading = outer.by(C);
        writing = new Panels(stride, width);
        importances = Tensors.zeros(Type.FLOAT, numbers);
        ofSubcomponents(importances).copy_(lower.detach());
        g = Kernels.address(importances);
        gradients = Tensors.zeros(Type.FLOAT, numbers);
        toG = Kernels.address(gradients);
        this.V = reading.of(Tensors.toFloats(V));
        transposedV = writing.of(Tensors.toFloats(V.t()));
        this.U = writing.of(Tensors.toFloats(U));
        transposedU = reading.of(Tensors.toFloats(U.t()));
        toTransposedV = writing.empty();
        toU = writing.empty();
        xs = outer.empty();
        ys = outer.empty();
        toYs = outer.empty();
        acts = new float[BLOCK * stride];
        toActs = new float[BLOCK * stride];
        masks = new float[BLOCK * stride];
        toMasks = new float[BLOCK * stride];
        Arrays.setAll(wide, i -> i * stride);
        Arrays.setAll(narrow, i -> i * PANEL);
    }

    /// The numbers of subcomponents `[B, T, C]` in rows that are filled up.
    private Tensor ofSubcomponents(Tensor rows) {
        return rows.view(sequences, length, stride).narrow(2, 0, C);
    }

    /// Sources `[N, stride]` where masks can read them, good for as long as the scope that is open.
    ///
    /// @param sequence writes those of one sequence, `[T, C]`
    public SliceMask.Sources sources(BiConsumer<Integer, float[]> sequence) {
        Tensor rows = Tensors.empty(Type.FLOAT, numbers);
        float[] some = new float[length * C];
        float[] row = new float[stride];
        long to = Kernels.address(rows);
        for (int i = 0; i < sequences; i++) {
            sequence.accept(i, some);
            for (int position = 0; position < length; position++) {
                System.arraycopy(some, position * C, row, 0, C);
                Lanes.write(row, 0, stride, to);
                to += bytes(stride);
            }
        }
        return SliceMask.Sources.in(rows);
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
            toPeaks = new SliceMask.Peaks(new float[sequences * stride], length * stride, stride);
        }
        return toPeaks;
    }

    /// What the subcomponents write under masks `r (m - d)` in one pass, `[B, P, d]`.
    ///
    /// @param x `[B, P, d]`
    /// @param mask m
    /// @param positions `[B, P]` of the rows of x; null when they are all T
    /// @param less d `[B, P, 1]`; null for the number `everywhere`
    /// @param everywhere d where it is the same at every position
    /// @param routed r `[B, P, 1]` booleans; null for true everywhere
    public Tensor output(
            Tensor x,
            SliceMask mask,
            @Nullable Tensor positions,
            @Nullable Tensor less,
            double everywhere,
            @Nullable Tensor routed) {
        return output(x, mask, positions, Rows.of(less, everywhere, routed));
    }

    /// What the weight delta and the routing make of the masks, row by row: `r (m - d)`.
    ///
    /// @param less d of each row; null for the number `everywhere`
    /// @param everywhere d where it is the same in every row
    /// @param routed r of each row, 0 or 1; null for 1 everywhere
    private record Rows(float @Nullable [] less, float everywhere, float @Nullable [] routed) {
        static Rows of(@Nullable Tensor less, double everywhere, @Nullable Tensor routed) {
            return new Rows(
                    less == null ? null : Tensors.toFloats(less),
                    (float) everywhere,
                    routed == null ? null : Tensors.toFloats(routed));
        }

        /// Changes a row of masks.
        void shift(int row, float[] masks, int from, int stride) {
            float d = less == null ? everywhere : less[row];
            float r = routed == null ? 1 : routed[row];
            if (d == 0 && r == 1) {
                return;
            }
            for (int c = from; c < from + stride; c += WIDTH) {
                load(masks, c).sub(d).mul(r).intoArray(masks, c);
            }
        }

        /// Whether masks of a row have a gradient.
        boolean isRouted(int row) {
            return routed == null || routed[row] != 0;
        }
    }

    private Tensor output(Tensor x, SliceMask mask, @Nullable Tensor positions, Rows rows) {
        Tensor flat = x.detach().reshape(-1, outer.width()).contiguous();
        int[] places = places(Math.toIntExact(flat.size(0)), positions);
        Tensor y = Tensors.empty(Type.FLOAT, flat.shape());
        forward(flat, mask, rows, places, y);
        Tensor shaped = y.view(x.shape());
        boolean wanted = x.requires_grad();
        return Gradients.recording()
                ? OwnGradient.of(
                        List.of(x),
                        shaped,
                        dy -> List.of(backward(flat, wanted, mask, rows, places, dy)))
                : shaped;
    }

    /// Where each row's importances begin.
    private int[] places(int count, @Nullable Tensor positions) {
        int[] places = new int[count];
        if (positions == null) {
            Arrays.setAll(places, i -> i * stride);
        } else {
            long[] chosen = Tensors.toLongs(positions);
            int each = Math.toIntExact(positions.size(1));
            Arrays.setAll(places, i -> (i / each * length + Math.toIntExact(chosen[i])) * stride);
        }
        return places;
    }

    private void forward(Tensor x, SliceMask mask, Rows rows, int[] places, Tensor y) {
        for (int row = 0; row < places.length; row += BLOCK) {
            int count = Math.min(BLOCK, places.length - row);
            int groups = groups(count);
            outer.read(address(x, row), outer.width(), count, xs);
            toSubcomponents(xs, V, acts, groups);
            fill(mask, rows, places, row, count);
            times(acts, masks, groups * stride);
            fromSubcomponents(acts, U, ys, groups);
            outer.write(ys, count, address(y, row), outer.width());
        }
    }

    /// The gradient of x, from that of y; the latter when x wants none.
    private Tensor backward(
            Tensor x, boolean wanted, SliceMask mask, Rows rows, int[] places, Tensor gradient) {
        Tensor dy = gradient.reshape(-1, outer.width()).contiguous();
        Tensor dx = wanted ? Tensors.empty(Type.FLOAT, dy.shape()) : dy;
        for (int row = 0; row < places.length; row += BLOCK) {
            int count = Math.min(BLOCK, places.length - row);
            int groups = groups(count);
            outer.read(address(x, row), outer.width(), count, xs);
            outer.read(address(dy, row), outer.width(), count, toYs);
            toSubcomponents(xs, V, acts, groups);
            toSubcomponents(toYs, transposedU, toActs, groups);
            fill(mask, rows, places, row, count);
            through(acts, toActs, masks, toMasks, groups * stride);
            for (int i = 0; i < count; i++) {
                if (rows.isRouted(row + i)) {
                    mask.back(toMasks, i * stride, stride, toG, places[row + i]);
                }
            }
            across(acts, toYs, toU, count);
            across(toActs, xs, toTransposedV, count);
            if (wanted) {
                fromSubcomponents(toActs, transposedV, ys, groups);
                outer.write(ys, count, address(dx, row), outer.width());
            }
        }
        return dx.view(gradient.shape());
    }

    private long address(Tensor rows, int row) {
        return Kernels.address(rows, (long) row * outer.width());
    }

    private static int groups(int count) {
        return Math.ceilDiv(count, ROWS) * ROWS;
    }

    private void fill(SliceMask mask, Rows rows, int[] places, int row, int count) {
        for (int i = 0; i < count; i++) {
            mask.fill(g, places[row + i], stride, masks, i * stride);
            rows.shift(row + i, masks, i * stride, stride);
        }
    }

    /// `out = rows M`.
    private void toSubcomponents(float[] rows, float[] M, float[] out, int count) {
        Arrays.fill(out, 0, count * stride, 0);
        int panels = outer.count();
        for (int first = 0; first < stride; first += PANEL) {
            for (int panel = 0; panel < panels; panel++) {
                ArrayProducts.scattered(
                        rows,
                        panel * BLOCK * PANEL,
                        narrow,
                        PANEL,
                        M,
                        (first * panels + panel * PANEL) * PANEL,
                        out,
                        first,
                        wide,
                        count);
            }
        }
    }

    /// `out = rows M`.
    private void fromSubcomponents(float[] rows, float[] M, float[] out, int count) {
        Arrays.fill(out, 0);
        int even = C + C % 2;
        for (int panel = 0; panel < outer.count(); panel++) {
            int from = panel * stride * PANEL;
            int to = panel * BLOCK * PANEL;
            ArrayProducts.scattered(rows, 0, wide, even, M, from, out, to, narrow, count);
        }
    }

    /// `M += rows^T others`.
    private void across(float[] rows, float[] others, float[] M, int count) {
        for (int panel = 0; panel < outer.count(); panel++) {
            int from = panel * BLOCK * PANEL;
            int to = panel * stride * PANEL;
            ArrayProducts.transposed(rows, 0, wide, count, others, from, M, to, groups(C));
        }
    }

    private static void times(float[] acts, float[] masks, int count) {
        for (int i = 0; i < count; i += WIDTH) {
            load(acts, i).mul(load(masks, i)).intoArray(acts, i);
        }
    }

    /// From inner activations h, the gradient of masked ones e and masks m: `h * m`, `e * m`, and
    /// the masks' gradient `h * e`.
    private static void through(
            float[] acts, float[] toActs, float[] masks, float[] toMasks, int count) {
        for (int i = 0; i < count; i += WIDTH) {
            FloatVector h = load(acts, i);
            FloatVector e = load(toActs, i);
            FloatVector m = load(masks, i);
            h.mul(e).intoArray(toMasks, i);
            h.mul(m).intoArray(acts, i);
            e.mul(m).intoArray(toActs, i);
        }
    }

    /// Adds the gradients that all passes left to the leaves' own.
    public void backward() {
        Scopes.run(() -> {
            if (toPeaks != null) {
                shareOut(toPeaks.gradient());
            }
            add(readers.t(), readers.grad().t(), toTransposedV);
            add(writers, writers.grad(), toU);
            Tensor gradient = ofSubcomponents(gradients);
            if (lower.grad().defined()) {
                lower.grad().add_(gradient);
            } else {
                lower.setGrad(gradient.contiguous());
            }
        });
    }

    private void add(Tensor parameter, Tensor to, float[] gradient) {
        to.add_(Tensors.of(writing.matrix(gradient, C), Type.FLOAT, parameter.shape()));
    }

    /// Adds gradients `[B, stride]` of each sequence's largest importances to those of the
    /// importances.
    private void shareOut(float[] toPeaks) {
        float[] most = new float[stride];
        float[] shares = new float[stride];
        for (int sequence = 0; sequence < sequences; sequence++) {
            int first = sequence * length;
            Arrays.fill(most, Float.NEGATIVE_INFINITY);
            Arrays.fill(shares, 0);
            eachValid(first, at -> raise(most, at));
            eachValid(first, at -> count(most, at, shares));
            for (int c = 0; c < C; c++) {
                shares[c] = toPeaks[sequence * stride + c] / shares[c];
            }
            Arrays.fill(shares, C, stride, 0);
            eachValid(first, at -> share(most, at, shares));
        }
    }

    /// Where the importances of a sequence's valid positions begin.
    private void eachValid(int first, LongConsumer row) {
        for (int position = first; position < first + length; position++) {
            if (valid == null || valid[position]) {
                row.accept(bytes((long) position * stride));
            }
        }
    }

    private void raise(float[] most, long at) {
        for (int c = 0; c < stride; c += WIDTH) {
            load(most, c).max(load(g + at + bytes(c))).intoArray(most, c);
        }
    }

    private void count(float[] most, long at, float[] counts) {
        for (int c = 0; c < stride; c += WIDTH) {
            var peak = load(g + at + bytes(c)).compare(EQ, load(most, c));
            load(counts, c).add(ZERO.blend(ONE, peak)).intoArray(counts, c);
        }
    }

    private void share(float[] most, long at, float[] shares) {
        for (int c = 0; c < stride; c += WIDTH) {
            var peak = load(g + at + bytes(c)).compare(EQ, load(most, c));
            long into = toG + at + bytes(c);
            store(load(into).add(ZERO.blend(load(shares, c), peak)), into);
        }
    }
}
