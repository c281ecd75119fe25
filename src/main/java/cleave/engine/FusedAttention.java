package cleave.engine;

import cleave.tensor.OwnGradient;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Causal attention of one head that is to be differentiated, in float32 past libtorch's graph: one
/// sequence at a time, where libtorch multiplies small matrices one by one.
final class FusedAttention {
    private final Tensor queries; // [B, Q, d]
    private final Tensor keys; // [B, T, d]
    private final Tensor values; // [B, T, d]
    private final long queriesAt; // where they lie
    private final long keysAt;
    private final long valuesAt;
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
        queriesAt = Kernels.address(this.queries);
        keysAt = Kernels.address(this.keys);
        valuesAt = Kernels.address(this.values);
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
        pattern = Tensors.empty(Type.FLOAT, sequences, asking, length);
    }

    /// What queries read of their own and earlier positions, the pattern outside the graph.
    ///
    /// @param q `[B, Q, d]`
    /// @param k `[B, T, d]`
    /// @param v `[B, T, d]`
    /// @param places `[B, Q]` the positions of the queries; null when they are all T
    static Attention.Head of(Tensor q, Tensor k, Tensor v, @Nullable Tensor places) {
        FusedAttention one = new FusedAttention(q, k, v, places);
        Tensor mixed = OwnGradient.of(List.of(q, k, v), one.forward(), one::backward);
        return new Attention.Head(one.pattern, mixed);
    }

    private Tensor forward() {
        Tensor mixed = Tensors.empty(Type.FLOAT, queries.shape());
        int padded = AttentionKernel.length(length);
        float[] bias = new float[kernel.pattern().length];
        float[] out = kernel.queries().empty();
        long patternAt = Kernels.address(pattern);
        long mixedAt = Kernels.address(mixed);
        for (int sequence = 0; sequence < sequences; sequence++) {
            if (sequence == 0 || places != null) {
                hide(bias, padded, sequence);
            }
            read(sequence);
            kernel.see(q, k, bias);
            for (int query = 0; query < asking; query++) {
                long to = at(patternAt, sequence * asking + query, length);
                Lanes.write(kernel.pattern(), query * padded, length, to);
            }
            kernel.read(v, out);
            kernel.queries().write(out, asking, at(mixedAt, sequence * asking, width), width);
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
        kernel.queries().read(at(queriesAt, sequence * asking, width), width, asking, q);
        kernel.scale(q);
        kernel.rows().read(at(keysAt, sequence * length, width), width, length, k);
        kernel.rows().read(at(valuesAt, sequence * length, width), width, length, v);
    }

    /// Where a row of so many numbers begins.
    private static long at(long address, int row, int numbers) {
        return address + Lanes.bytes((long) row * numbers);
    }

    private List<Tensor> backward(Tensor gradient) {
        Tensor incoming = gradient.contiguous();
        Tensor toQueries = Tensors.empty(Type.FLOAT, queries.shape());
        Tensor toKeys = Tensors.empty(Type.FLOAT, keys.shape());
        Tensor toValues = Tensors.empty(Type.FLOAT, values.shape());
        long incomingAt = Kernels.address(incoming);
        long toQueriesAt = Kernels.address(toQueries);
        long toKeysAt = Kernels.address(toKeys);
        long toValuesAt = Kernels.address(toValues);
        long patternAt = Kernels.address(pattern);
        int padded = AttentionKernel.length(length);
        Panels few = kernel.queries();
        Panels all = kernel.rows();
        float[] toMixed = few.empty();
        float[] toQ = few.empty();
        float[] toK = all.empty();
        float[] toV = all.empty();
        Arrays.fill(kernel.pattern(), 0);
        for (int sequence = 0; sequence < sequences; sequence++) {
            int asked = sequence * asking;
            int seen = sequence * length;
            read(sequence);
            for (int query = 0; query < asking; query++) {
                long from = at(patternAt, asked + query, length);
                Lanes.read(from, kernel.pattern(), query * padded, length);
            }
            few.read(at(incomingAt, asked, width), width, asking, toMixed);
            kernel.backward(q, k, v, toMixed, toQ, toK, toV, null);
            kernel.scale(toQ);
            few.write(toQ, asking, at(toQueriesAt, asked, width), width);
            all.write(toK, length, at(toKeysAt, seen, width), width);
            all.write(toV, length, at(toValuesAt, seen, width), width);
        }
        return List.of(toQueries, toKeys, toValues);
    }
}
