package cleave.model;

import cleave.tensor.Tensor;
import java.util.function.UnaryOperator;

/// A layer that reads each position alone.
@FunctionalInterface
interface Mlp {
    /// What the layer adds to the stream, `[B, Q, d]`.
    ///
    /// @param x the normed stream at the queries, `[B, Q, d]`
    Tensor of(Pass pass, Tensor x);

    /// Two maps with a function between them.
    static Mlp twoLayers(Projection first, UnaryOperator<Tensor> activation, Projection second) {
        return (pass, x) -> {
            Tensor neurons = activation.apply(first.of(pass, x, pass.queries()));
            return second.of(pass, neurons, pass.queries());
        };
    }
}
