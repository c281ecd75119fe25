package cleave.reference;

import cleave.importance.ImportanceFunction;
import cleave.importance.ImportanceFunction.Gate;
import cleave.importance.ImportanceFunction.Mlp;
import cleave.importance.ImportanceFunction.Sequence;
import cleave.importance.ImportanceFunction.SharedMlp;
import cleave.importance.ImportanceFunction.VectorMlp;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import org.jspecify.annotations.Nullable;

/// Importance functions written down operation by operation (spec G4, G5), for the plain step. What
/// the graph does not keep is freed when a site's gates are done.
final class PlainGates {
    private static final double UNSEEN = -1e30;

    private PlainGates() {}

    /// The pre-activations `[B, T, C]` of one site.
    ///
    /// @param a `[B, T, d_in]` the site's input
    /// @param V `[d_in, C]`
    /// @param valid `[B, T]`, null when every position is valid
    static Tensor preactivation(
            ImportanceFunction function, Gate gate, Tensor a, Tensor V, @Nullable Tensor valid) {
        return Scopes.keep(() ->
                switch (function) {
                    case Sequence sequence ->
                            perSubcomponent(
                                    gate, seen(sequence, gate, a, valid), sequence.hidden());
                    case VectorMlp mlp -> perSubcomponent(gate, a, mlp.hidden());
                    case SharedMlp _ ->
                            Tensors.gelu(a.matmul(gate.get("hidden")).add(gate.get("hidden_bias")))
                                    .matmul(gate.get("output"))
                                    .add(gate.get("output_bias"));
                    case Mlp _ -> {
                        Tensor h = a.matmul(V).unsqueeze(3); // [B, T, C, 1]
                        Tensor hidden = h.mul(gate.get("hidden")).add(gate.get("hidden_bias"));
                        yield output(gate, Tensors.gelu(hidden));
                    }
                });
    }

    // z = [softmax(s) v, a]
    private static Tensor seen(Sequence function, Gate gate, Tensor a, @Nullable Tensor valid) {
        int length = (int) a.size(1);
        Tensor q = a.matmul(gate.get("query"));
        Tensor k = a.matmul(gate.get("key"));
        Tensor v = a.add(gate.get("absolute").narrow(0, 0, length)).matmul(gate.get("value"));
        long[] distance = new long[length * length];
        boolean[] later = new boolean[length * length];
        for (int i = 0; i < distance.length; i++) {
            int offset = i / length - i % length; // n - j
            later[i] = function.causal() && offset < 0;
            distance[i] =
                    function.causal() ? Math.max(offset, 0) : offset + function.positions() - 1;
        }
        Tensor r =
                gate.get("relative")
                        .index_select(0, Tensors.of(distance, distance.length))
                        .view(length, length);
        Tensor s =
                q.matmul(k.transpose(1, 2))
                        .div(Math.sqrt((double) q.size(2)))
                        .add(r)
                        .masked_fill(Tensors.of(later, length, length), UNSEEN);
        if (valid != null) {
            s = s.masked_fill(valid.logical_not().unsqueeze(1), UNSEEN);
        }
        Tensor o = Tensors.softmax(s).matmul(v);
        return function.ownActivation() ? Tensors.concatenate(2, o, a) : o;
    }

    // y_c = w2_c . gelu(z W1_c + b1_c) + b2_c
    private static Tensor perSubcomponent(Gate gate, Tensor z, int hidden) {
        Tensor flat = z.reshape(-1, z.size(2)); // [B T, d_z]
        Tensor h = Tensors.gelu(Tensors.addmm(gate.get("hidden_bias"), flat, gate.get("hidden")));
        return output(gate, h.view(z.size(0), z.size(1), -1, hidden));
    }

    private static Tensor output(Gate gate, Tensor h) {
        return h.mul(gate.get("output")).sum(-1).add(gate.get("output_bias"));
    }
}
