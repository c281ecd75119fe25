package cleave.target;

import cleave.kernel.AttentionKernel;
import cleave.kernel.Kernels;
import cleave.kernel.Lanes;
import cleave.kernel.Panels;
import cleave.target.Attention.Head;
import cleave.tensor.OwnGradient;
import cleave.tensor.Tensors;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// Causal attention of one head that is to be differentiated, in float32 past libtorch's graph: one
/// sequence at a time, where libtorch multiplies small matrices one by one.
final class FusedAttention {
    private static final int WIDEST = 64;
    private static final int LONGEST = 256;

    private final Tensor queries; // [B, Q, d]
    private final Tensor keys; // [B, T, d]
    private final Tensor values; // [B, T, d]
    private final Tensor pattern; // [B, Q, T]
    private final long @Nullable [] places; // of the queries; null for all
    private final int sequences; // B
    private final int asking; // Q
    private final int length; // T
    private final int width; // d
    private final AttentionKernel kernel;
    private final float[] q;
    private final float[] k;
    private final float[] v;

    private FusedAttention(Tensor queries, Tensor keys, Tensor values, @Nullable Tensor places) {
        this.queries = queries.detach().contiguous();
        this.keys = keys.detach().contiguous();
        this.values = values.detach().contiguous();
        this.places = places == null ? null : Tensors.toLongs(places);
        sequences = Math.toIntExact(keys.size(0));
        asking = Math.toIntExact(queries.size(1));
        length = Math.toIntExact(keys.size(1));
        width = Math.toIntExact(keys.size(2));
        kernel =
                places == null
                        ? new AttentionKernel(length, width, true)
                        : new AttentionKernel(asking, length, width);
        q = kernel.queries().empty();
        k = kernel.rows().empty();
        v = kernel.rows().empty();
        pattern = Tensors.empty(ScalarType.Float, sequences, asking, length);
    }

    /// Whether the kernel can run these queries, and a gradient reaches them.
    static boolean fits(Tensor q, Tensor k, Tensor v) {
        return (q.requires_grad() || k.requires_grad() || v.requires_grad())
                && Kernels.read(Tensors.type(q))
                && q.size(1) <= k.size(1)
                && k.size(1) <= LONGEST
                && k.size(2) <= WIDEST;
    }

    /// What queries read of their own and earlier positions, the pattern outside the graph.
    ///
    /// @param q `[B, Q, d]`
    /// @param k `[B, T, d]`
    /// @param v `[B, T, d]`
    /// @param places `[B, Q]` the positions of the queries; null when they are all T
    static Head of(Tensor q, Tensor k, Tensor v, @Nullable Tensor places) {
        FusedAttention one = new FusedAttention(q, k, v, places);
        Tensor mixed = OwnGradient.of(List.of(q, k, v), one.forward(), one::backward);
        return new Head(one.pattern, mixed);
    }

    private Tensor forward() {
        Tensor mixed = Tensors.empty(ScalarType.Float, queries.shape());
        int padded = AttentionKernel.length(length);
        Panels rows = kernel.queries();
        float[] bias = new float[kernel.pattern().length];
        float[] out = rows.empty();
        for (int sequence = 0; sequence < sequences; sequence++) {
            if (sequence == 0 || places != null) {
                hide(bias, padded, sequence);
            }
            read(sequence);
            kernel.see(q, k, bias);
            for (int query = 0; query < asking; query++) {
                long to = address(pattern, sequence * asking + query);
                Lanes.write(kernel.pattern(), query * padded, length, to);
            }
            kernel.read(v, out);
            rows.write(out, asking, address(mixed, sequence * asking), width);
        }
        return mixed;
    }

    /// What comes after each query, or fills up the last panel.
    private void hide(float[] bias, int padded, int sequence) {
        Arrays.fill(bias, Float.NEGATIVE_INFINITY);
        for (int row = 0; row < bias.length; row += padded) {
            int query = row / padded;
            int place =
                    places == null || query >= asking
                            ? query
                            : Math.toIntExact(places[sequence * asking + query]);
            Arrays.fill(bias, row, row + Math.min(place, padded - 1) + 1, 0);
        }
    }

    private void read(int sequence) {
        kernel.queries().read(address(queries, sequence * asking), width, asking, q);
        scale(q);
        kernel.rows().read(address(keys, sequence * length), width, length, k);
        kernel.rows().read(address(values, sequence * length), width, length, v);
    }

    private void scale(float[] numbers) {
        float scale = (float) (1 / Math.sqrt((double) width));
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] *= scale;
        }
    }

    /// Where a row of the last axis begins.
    private static long address(Tensor tensor, int row) {
        return Kernels.address(tensor, row * tensor.size(2));
    }

    private List<Tensor> backward(Tensor gradient) {
        Tensor incoming = gradient.contiguous();
        Tensor toQueries = Tensors.empty(ScalarType.Float, queries.shape());
        Tensor toKeys = Tensors.empty(ScalarType.Float, keys.shape());
        Tensor toValues = Tensors.empty(ScalarType.Float, values.shape());
        int padded = AttentionKernel.length(length);
        Panels few = kernel.queries();
        Panels all = kernel.rows();
        float[] toMixed = few.empty();
        float[] toQ = few.empty();
        float[] toK = all.empty();
        float[] toV = all.empty();
        Arrays.fill(kernel.pattern(), 0);
        for (int sequence = 0; sequence < sequences; sequence++) {
            read(sequence);
            for (int query = 0; query < asking; query++) {
                long from = address(pattern, sequence * asking + query);
                Lanes.read(from, kernel.pattern(), query * padded, length);
            }
            few.read(address(incoming, sequence * asking), width, asking, toMixed);
            kernel.backward(q, k, v, toMixed, toQ, toK, toV, null);
            scale(toQ);
            few.write(toQ, asking, address(toQueries, sequence * asking), width);
            all.write(toK, length, address(toKeys, sequence * length), width);
            all.write(toV, length, address(toValues, sequence * length), width);
        }
        return List.of(toQueries, toKeys, toValues);
    }
}
