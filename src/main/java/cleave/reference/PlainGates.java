package cleave.reference;

import cleave.engine.Gate;
import cleave.importance.GateInputs;
import cleave.importance.GateInputs.OfSite;
import cleave.importance.GlobalMlp;
import cleave.importance.ImportanceFunction;
import cleave.importance.Mlp;
import cleave.importance.Sequence;
import cleave.importance.SharedMlp;
import cleave.importance.VectorMlp;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Importance functions written down operation by operation (spec G4, G5), for the plain step. What
/// the graph does not keep is freed when a site's gates are done.
final class PlainGates {
    private static final double UNSEEN = -1e30;

    private PlainGates() {}

    /// The pre-activations `[B, T, C]` of every site.
    ///
    /// @throws IllegalArgumentException for a function that is not Cleave's own
    static List<Tensor> preactivations(ImportanceFunction function, GateInputs inputs) {
        if (function instanceof GlobalMlp global) {
            return global(global, inputs);
        }
        return inputs.sites().stream()
                .map(site ->
                        preactivation(
                                function, site.gate(), site.activation(), site.V(), inputs.valid()))
                .toList();
    }

    // x0 = [a_s / rms(a_s) of all sites s], x(i+1) = gelu(x(i) W + b), y_s = x O_s + o_s
    private static List<Tensor> global(GlobalMlp function, GateInputs inputs) {
        List<Tensor> parts = new ArrayList<>();
        for (OfSite site : inputs.sites()) {
            Tensor a = site.activation();
            double width = a.size(2);
            Tensor square = a.mul(a).sum(-1).unsqueeze(2).div(width); // [B, T, 1]
            parts.add(a.div(square.add(1e-6).sqrt()));
        }
        Tensor x = Tensors.concatenate(2, parts.toArray(Tensor[]::new));
        for (int layer = 1; layer <= function.hidden().size(); layer++) {
            x =
                    Tensors.gelu(
                            x.matmul(inputs.shared().get("hidden_" + layer))
                                    .add(inputs.shared().get("hidden_" + layer + "_bias")));
        }
        List<Tensor> outputs = new ArrayList<>();
        for (OfSite site : inputs.sites()) {
            outputs.add(x.matmul(site.gate().get("output")).add(site.gate().get("output_bias")));
        }
        return outputs;
    }

    /// The pre-activations `[B, T, C]` of one site.
    ///
    /// @param a `[B, T, d_in]` the site's input
    /// @param V `[d_in, C]`
    /// @param valid `[B, T]`, null when every position is valid
    private static Tensor preactivation(
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
                    default ->
                            throw new IllegalArgumentException(
                                    "importance function of the plain step must be one of Cleave's own, got "
                                            + function.getClass().getName());
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
