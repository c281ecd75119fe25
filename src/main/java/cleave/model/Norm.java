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
        return (pass, x) -> {
            Tensor weight = pass.named(name + ".weight");
            Tensor bias = pass.named(name + ".bias");
            if (!pass.held().norms()) {
                return Tensors.layerNorm(x, weight, bias, epsilon);
            }
            Tensor centred = x.sub(x.mean(new long[] {x.ndimension() - 1}, true));
            return weight.mul(centred.mul(inverse(pass, centred, epsilon))).add(bias);
        };
    }

    /// The root mean square norm, `x / sqrt(mean(x^2) + epsilon)` times `name.weight`.
    ///
    /// @param epsilon added to the mean of the squares
    static Norm rms(String name, double epsilon) {
        return (pass, x) -> {
            return pass.named(name + ".weight").mul(x.mul(inverse(pass, x, epsilon)));
        };
    }

    /// One by the root mean square of `x [B, T, d]`, `[B, T, 1]`.
    private static Tensor inverse(Pass pass, Tensor x, double epsilon) {
        Tensor mean = x.square().mean(new long[] {x.ndimension() - 1}, true);
        Tensor inverse = mean.add(epsilon).rsqrt();
        return pass.held().norms() ? inverse.detach() : inverse;
    }

    /// The same norm of each head alone, for queries or keys `[B, P, heads d_head]`.
    default Norm ofHeads(int headWidth) {
        return (pass, x) ->
                of(pass, x.reshape(x.size(0), x.size(1), x.size(2) / headWidth, headWidth))
                        .flatten(2, 3);
    }
}
