package cleave.model;

import cleave.tensor.Tensor;

/// A layer that reads each position alone.
@FunctionalInterface
public interface Mlp {
    /// What the layer adds to the stream, `[B, Q, d]`.
    ///
    /// @param x the normed stream at the queries, `[B, Q, d]`
    Tensor of(Pass pass, Tensor x);

    /// Two maps with a function between them.
    static Mlp twoLayers(Projection first, Activation activation, Projection second) {
        return (pass, x) -> {
            Tensor neurons = activation.of(first.of(pass, x, pass.queries()));
            return second.of(pass, neurons, pass.queries());
        };
    }

    /// Two maps side by side, of which one goes through a function and is multiplied with the
    /// other, and a third behind them.
    static Mlp gated(Projection gate, Activation activation, Projection up, Projection down) {
        return (pass, x) -> {
            Tensor open = activation.of(gate.of(pass, x, pass.queries()));
            Tensor neurons = open.mul(up.of(pass, x, pass.queries()));
            return down.of(pass, neurons, pass.queries());
        };
    }
}
