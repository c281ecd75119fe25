package cleave.model;

import cleave.tensor.Tensor;
import cleave.tensor.Tensors;

/// What brings the residual stream to one scale before a part reads it.
@FunctionalInterface
interface Norm {
    /// No norm: the part reads the stream as it is.
    Norm NONE = (_, x) -> x;

    /// The normed stream, of the shape of `x [B, T, d]`.
    Tensor of(Pass pass, Tensor x);

    /// A layer norm with `name.weight` and `name.bias`.
    ///
    /// @param epsilon added to the variance
    static Norm layer(String name, double epsilon) {
        return (pass, x) ->
                Tensors.layerNorm(
                        x, pass.named(name + ".weight"), pass.named(name + ".bias"), epsilon);
    }
}
