package cleave.engine;

import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;

/// One MLP for all subcomponents of a site (spec G5, `shared_mlp`) with a way back that adds each
/// product straight to the parameter's gradient. Libtorch's graph would make the gradients as
/// tensors of their own first.
public final class SharedMlpPass implements GatePass {
    private final Products products;
    private final Gate gate;
    private final Tensor z; // [N, d], without graph
    private final Tensor before; // [N, hidden], of the GELU
    private final Tensor acts; // [N, hidden]
    private final Tensor preactivation; // [B, T, C]

    /// The pass on a site's own input.
    ///
    /// @param gate has `hidden [d, hidden]`, `hidden_bias`, `output [hidden, C]` and `output_bias`
    /// @param activation `[B, T, d]` without graph
    public SharedMlpPass(Products products, Gate gate, Tensor activation) {
        this.products = products;
        this.gate = gate;
        z = activation.reshape(-1, activation.size(2));
        before = Scopes.withoutGradient(() -> layer(z, "hidden"));
        acts = Tensors.gelu(before);
        preactivation =
                Scopes.withoutGradient(() -> layer(acts, "output"))
                        .view(activation.size(0), activation.size(1), -1);
    }

    private Tensor layer(Tensor x, String name) {
        return Scopes.keep(() ->
                products.product(x, products.operand(gate.get(name)))
                        .add_(gate.get(name + "_bias")));
    }

    @Override
    public Tensor preactivation() {
        return preactivation;
    }

    @Override
    public void backward(Tensor gradient) {
        Scopes.run(() -> Scopes.withoutGradient(() -> parameters(gradient)));
    }

    private boolean parameters(Tensor gradient) {
        Tensor dy = gradient.reshape(-1, preactivation.size(2)); // [N, C]
        add("output", acts, dy);
        Tensor toActs = products.product(dy, products.operand(gate.get("output")).t());
        add("hidden", z, Tensors.geluBackward(toActs, before));
        return true;
    }

    /// Adds the gradients of a layer that made some numbers of x.
    private void add(String name, Tensor x, Tensor gradient) {
        gate.get(name + "_bias").grad().add_(gradient.sum(0));
        products.add(gate.get(name).grad(), x.t(), gradient);
    }
}
