package cleave.model;

import cleave.tensor.Tensor;
import cleave.tensor.Tensors;

/// What brings the residual stream to one scale before a part reads it.
@FunctionalInterface
public interface Norm {
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

    /// The root mean square norm, `x / sqrt(mean(x^2) + epsilon)` times `name.weight`.
    ///
    /// @param epsilon added to the mean of the squares
    static Norm rms(String name, double epsilon) {
        return (pass, x) -> {
            Tensor mean = x.square().mean(new long[] {x.ndimension() - 1}, true);
            return pass.named(name + ".weight").mul(x.mul(mean.add(epsilon).rsqrt()));
        };
    }

    /// The same norm of each head alone, for queries or keys `[B, P, heads d_head]`.
    default Norm ofHeads(int headWidth) {
        return (pass, x) ->
                of(pass, x.reshape(x.size(0), x.size(1), x.size(2) / headWidth, headWidth))
                        .flatten(2, 3);
    }
}
