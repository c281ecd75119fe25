package cleave.engine;

import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import org.jspecify.annotations.Nullable;

/// The gates' formulas in libtorch's graph (spec G4, G5).
public final class GateFormulas {
    private GateFormulas() {}

    /// What an attention head with learned relative positions on the scores and absolute ones on
    /// the values reads at each position, `[B, T, h]`.
    ///
    /// @param activation `[B, T, d]`
    /// @param valid `[B, T]`; null when all positions are valid
    public static Tensor seen(
            Gate gate, Tensor activation, boolean causal, @Nullable Tensor valid) {
        return seen(Products.EXACT, gate, activation, causal, valid);
    }

    static Tensor seen(
            Products products,
            Gate gate,
            Tensor activation,
            boolean causal,
            @Nullable Tensor valid) {
        long length = activation.size(1);
        Tensor q = products.product(activation, gate.get("query")); // [B, T, h]
        Tensor k = products.product(activation, gate.get("key"));
        Tensor v =
                products.product(
                        activation.add(gate.get("absolute").narrow(0, 0, length)),
                        gate.get("value"));
        Tensor scores =
                Tensors.baddbmm(
                        relative(gate, causal, length),
                        q,
                        k.transpose(1, 2),
                        1,
                        1 / Math.sqrt((double) q.size(2))); // [B, T, T]
        if (valid != null) {
            // A finite floor: a padded first query would otherwise see nothing and turn into NaN.
            scores = scores.masked_fill(valid.logical_not().unsqueeze(1), -1e30);
        }
        return Tensors.softmax(scores).matmul(v);
    }

    /// What is added to the scores of query n and key j, `[T, T]`.
    private static Tensor relative(Gate gate, boolean causal, long length) {
        Tensor places = Tensors.arange(gate.get("relative").device(), length);
        Tensor offset = places.unsqueeze(1).sub(places.unsqueeze(0)); // n - j
        long positions = gate.get("absolute").size(0);
        Tensor index = causal ? offset.clamp_min(0) : offset.add(positions - 1L);
        Tensor relative =
                gate.get("relative").index_select(0, index.flatten()).view(length, length);
        return causal ? relative.masked_fill(offset.lt(0), Double.NEGATIVE_INFINITY) : relative;
    }

    /// One MLP per subcomponent, `y_c = w2_c . gelu(z W1_c + b1_c) + b2_c`.
    ///
    /// @param z `[B, T, d]`
    /// @return `[B, T, C]`
    public static Tensor perSubcomponent(Gate gate, Tensor z) {
        return perSubcomponent(Products.EXACT, gate, z);
    }

    static Tensor perSubcomponent(Products products, Gate gate, Tensor z) {
        Tensor flat = z.reshape(-1, z.size(2)); // [B T, d]
        long hidden = gate.get("output").size(1);
        Tensor hiddens =
                Tensors.gelu(
                        products == Products.EXACT
                                ? Tensors.addmm(gate.get("hidden_bias"), flat, gate.get("hidden"))
                                : products.product(flat, gate.get("hidden"))
                                        .add(gate.get("hidden_bias")));
        return output(gate, hiddens.view(z.size(0), z.size(1), -1, hidden));
    }

    /// One MLP per subcomponent on one number.
    ///
    /// @param inner `[B, T, C]`
    /// @return `[B, T, C]`
    public static Tensor onNumbers(Gate gate, Tensor inner) {
        Tensor hiddens =
                Tensors.gelu(
                        inner.unsqueeze(3).mul(gate.get("hidden")).add(gate.get("hidden_bias")));
        return output(gate, hiddens);
    }

    /// Hidden activations `[B, T, C, hidden]` to `[B, T, C]`.
    private static Tensor output(Gate gate, Tensor hiddens) {
        return hiddens.mul(gate.get("output")).sum(-1).add(gate.get("output_bias"));
    }
}
