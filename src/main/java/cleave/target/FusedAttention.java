package cleave.target;

import cleave.kernel.AttentionKernel;
import cleave.kernel.Kernels;
import cleave.kernel.Lanes;
import cleave.kernel.Panels;
import cleave.target.Attention.Head;
import cleave.tensor.OwnGradient;
import cleave.tensor.Tensors;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Attention of one head at every position, to be differentiated, in float32 past libtorch's graph:
/// one sequence at a time, where libtorch multiplies small matrices one by one.
final class FusedAttention {
    private static final int WIDEST = 64;
    private static final int LONGEST = 256;

    private final int sequences; // B
    private final int length; // T
    private final int width; // d
    private final float scale;
    private final AttentionKernel kernel;
    private final Panels rows;
    private final float[] q;
    private final float[] k;
    private final float[] v;

    private FusedAttention(Tensor q) {
        sequences = Math.toIntExact(q.size(0));
        length = Math.toIntExact(q.size(1));
        width = Math.toIntExact(q.size(2));
        scale = (float) (1 / Math.sqrt((double) width));
        kernel = new AttentionKernel(length, width, true);
        rows = kernel.rows();
        this.q = rows.empty();
        k = rows.empty();
        v = rows.empty();
    }

    /// Whether the kernel can run these queries, which a gradient must reach to be worth it.
    static boolean fits(Tensor q, Tensor k, Tensor v) {
        return (q.requires_grad() || k.requires_grad() || v.requires_grad())
                && Kernels.read(Tensors.type(q))
                && q.size(1) == k.size(1)
                && q.size(1) > 1
                && q.size(1) <= LONGEST
                && q.size(2) <= WIDEST;
    }

    /// What every position reads of itself and earlier ones, the pattern outside the graph.
    ///
    /// @param q `[B, T, d]`, like k and v
    static Head of(Tensor q, Tensor k, Tensor v) {
        FusedAttention one = new FusedAttention(q);
        Tensor all = Tensors.concatenate(2, q, k, v); // [B, T, 3 d]
        Tensor known = all.detach();
        Tensor pattern = Tensors.empty(ScalarType.Float, one.sequences, one.length, one.length);
        Tensor mixed = Tensors.empty(ScalarType.Float, q.shape());
        one.forward(known, pattern, mixed);
        return new Head(
                pattern,
                OwnGradient.of(all, mixed, gradient -> one.backward(known, pattern, gradient)));
    }

    private void forward(Tensor all, Tensor pattern, Tensor mixed) {
        int padded = AttentionKernel.length(length);
        float[] bias = new float[padded * padded];
        for (int query = 0; query < padded; query++) {
            Arrays.fill(
                    bias,
                    query * padded + query + 1,
                    (query + 1) * padded,
                    Float.NEGATIVE_INFINITY);
        }
        float[] out = rows.empty();
        for (int sequence = 0; sequence < sequences; sequence++) {
            read(all, sequence);
            kernel.see(q, k, bias);
            for (int query = 0; query < length; query++) {
                Lanes.write(
                        kernel.pattern(), query * padded, length, row(pattern, sequence, query));
            }
            kernel.read(v, out);
            rows.write(out, length, row(mixed, sequence, 0), width);
        }
    }

    private void read(Tensor all, int sequence) {
        long address = row(all, sequence, 0);
        rows.read(address, 3 * width, length, q);
        rows.read(address + Lanes.bytes(width), 3 * width, length, k);
        rows.read(address + Lanes.bytes(2L * width), 3 * width, length, v);
        scale(q);
    }

    private void scale(float[] numbers) {
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] *= scale;
        }
    }

    private long row(Tensor tensor, int sequence, int position) {
        return Kernels.address(tensor, ((long) sequence * length + position) * tensor.size(2));
    }

    private Tensor backward(Tensor all, Tensor pattern, Tensor gradient) {
        Tensor incoming = gradient.contiguous();
        Tensor outgoing = Tensors.empty(ScalarType.Float, all.shape());
        int padded = AttentionKernel.length(length);
        float[] dOut = rows.empty();
        float[] dq = rows.empty();
        float[] dk = rows.empty();
        float[] dv = rows.empty();
        Arrays.fill(kernel.pattern(), 0);
        for (int sequence = 0; sequence < sequences; sequence++) {
            read(all, sequence);
            for (int query = 0; query < length; query++) {
                Lanes.read(row(pattern, sequence, query), kernel.pattern(), query * padded, length);
            }
            rows.read(row(incoming, sequence, 0), width, length, dOut);
            kernel.backward(q, k, v, dOut, dq, dk, dv, null);
            scale(dq);
            long address = row(outgoing, sequence, 0);
            rows.write(dq, length, address, 3 * width);
            rows.write(dk, length, address + Lanes.bytes(width), 3 * width);
            rows.write(dv, length, address + Lanes.bytes(2L * width), 3 * width);
        }
        return outgoing;
    }
}
