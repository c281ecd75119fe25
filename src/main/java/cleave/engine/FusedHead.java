package cleave.engine;

import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Arrays;

/// The attention head of one site's gates (spec G4) in float32 without libtorch's graph: one
/// sequence at a time, which is computed again on the way back.
final class FusedHead implements HeadPass {
    private final Gate gate;
    private final Tensor activation; // [B, T, d]
    private final boolean causal;
    private final int sequences; // B
    private final int length; // T
    private final Panels inputs; // [T, d]
    private final Panels heads; // [T, h]
    private final Panels weights; // [d, h]
    private final AttentionKernel attention;
    private final int width; // h
    private final OneSequence one;
    private final Tensor seen;

    FusedHead(Gate gate, Tensor activation, boolean causal) {
        this.gate = gate;
        this.activation = activation.contiguous();
        this.causal = causal;
        sequences = Math.toIntExact(activation.size(0));
        length = Math.toIntExact(activation.size(1));
        width = Math.toIntExact(gate.get("query").size(1));
        attention = new AttentionKernel(length, width, causal);
        heads = attention.rows();
        inputs = new Panels(AttentionKernel.length(length), Math.toIntExact(activation.size(2)));
        weights = inputs.by(width);
        one = new OneSequence();
        seen = Tensors.empty(Type.FLOAT, sequences, length, width);
        forward();
    }

    @Override
    public Tensor seen() {
        return seen;
    }

    /// Parameters, and what they make of one sequence.
    private final class OneSequence {
        final float[] query = weights.of(Tensors.toFloats(gate.get("query")));
        final float[] key = weights.of(Tensors.toFloats(gate.get("key")));
        final float[] value = weights.of(Tensors.toFloats(gate.get("value")));
        final float[] absolute =
                inputs.of(Tensors.toFloats(gate.get("absolute").narrow(0, 0, length)));
        final float[] bias = bias();
        final float[] x = inputs.empty();
        final float[] placed = inputs.empty(); // x + absolute
        final float[] q = heads.empty();
        final float[] k = heads.empty();
        final float[] v = heads.empty();

        void read(int sequence) {
            inputs.read(
                    Kernels.address(activation, (long) sequence * length * inputs.width()),
                    inputs.width(),
                    length,
                    x);
            for (int i = 0; i < placed.length; i++) {
                placed[i] = x[i] + absolute[i];
            }
            Arrays.fill(q, 0);
            Arrays.fill(k, 0);
            Arrays.fill(v, 0);
            inputs.times(x, weights, query, q);
            inputs.times(x, weights, key, k);
            inputs.times(placed, weights, value, v);
            attention.scale(q);
        }
    }

    /// What relative positions add to scores; queries beyond the sequence see the first key.
    private float[] bias() {
        int padded = AttentionKernel.length(length);
        float[] relative = Tensors.toFloats(gate.get("relative"));
        float[] bias = new float[padded * padded];
        Arrays.fill(bias, Float.NEGATIVE_INFINITY);
        for (int query = 0; query < padded; query++) {
            bias[query * padded] = 0;
            for (int key = 0; query < length && key < (causal ? query + 1 : length); key++) {
                bias[query * padded + key] = relative[offset(query, key, relative.length)];
            }
        }
        return bias;
    }

    /// Which number of `relative` belongs to a query and a key.
    private int offset(int query, int key, int count) {
        return query - key + (causal ? 0 : count / 2);
    }

    private void forward() {
        Scopes.run(() -> {
            float[] out = heads.empty();
            for (int sequence = 0; sequence < sequences; sequence++) {
                one.read(sequence);
                attention.see(one.q, one.k, one.bias);
                attention.read(one.v, out);
                heads.write(out, length, address(seen, sequence), width);
            }
        });
    }

    private long address(Tensor rows, int sequence) {
        return Kernels.address(rows, (long) sequence * length * width);
    }

    @Override
    public void backward(Tensor gradient) {
        Scopes.run(() -> {
            Tensor incoming = gradient.contiguous();
            float[] dOut = heads.empty();
            float[] dq = heads.empty();
            float[] dk = heads.empty();
            float[] dv = heads.empty();
            float[] values = heads.empty(); // dv of all sequences
            float[] toQuery = weights.empty();
            float[] toKey = weights.empty();
            float[] toValue = weights.empty();
            float[] toBias = new float[one.bias.length];
            for (int sequence = 0; sequence < sequences; sequence++) {
                one.read(sequence);
                heads.read(address(incoming, sequence), width, length, dOut);
                attention.see(one.q, one.k, one.bias);
                attention.backward(one.q, one.k, one.v, dOut, dq, dk, dv, toBias);
                attention.scale(dq);
                inputs.timesAcross(one.x, weights, dq, toQuery);
                inputs.timesAcross(one.x, weights, dk, toKey);
                inputs.timesAcross(one.placed, weights, dv, toValue);
                for (int i = 0; i < values.length; i++) {
                    values[i] += dv[i];
                }
            }
            add("query", weights.matrix(toQuery, inputs.width()));
            add("key", weights.matrix(toKey, inputs.width()));
            add("value", weights.matrix(toValue, inputs.width()));
            add("relative", toRelative(toBias));
            addAbsolute(values);
        });
    }

    private float[] toRelative(float[] toBias) {
        int padded = AttentionKernel.length(length);
        float[] toRelative = new float[Math.toIntExact(gate.get("relative").size(0))];
        for (int query = 0; query < length; query++) {
            for (int key = 0; key < (causal ? query + 1 : length); key++) {
                toRelative[offset(query, key, toRelative.length)] += toBias[query * padded + key];
            }
        }
        return toRelative;
    }

    /// Adds the gradient of absolute positions: that of all sequences' values, through their
    /// matrix.
    private void addAbsolute(float[] values) {
        Tensor gradient = Tensors.of(heads.matrix(values, length), Type.FLOAT, length, width);
        gate.get("absolute")
                .grad()
                .narrow(0, 0, length)
                .add_(gradient.matmul(gate.get("value").detach().t()));
    }

    private void add(String parameter, float[] gradient) {
        Tensor leaf = gate.get(parameter);
        leaf.grad().add_(Tensors.of(gradient, Type.FLOAT, leaf.shape()));
    }
}
