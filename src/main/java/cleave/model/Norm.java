package cleave.model;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

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
                torch.layer_norm(
                        x,
                        new long[] {x.size(2)},
                        new TensorOptional(pass.named(name + ".weight")),
                        new TensorOptional(pass.named(name + ".bias")),
                        epsilon,
                        false);
    }
}
