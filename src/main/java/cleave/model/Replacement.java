package cleave.model;

import cleave.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/// What stands in for a site's own map during one forward pass.
@FunctionalInterface
public interface Replacement {

    /// The site's output without bias.
    ///
    /// @param input `[B, T, d_in]`, or `[B, P, d_in]` when only some positions are needed; at a
    ///   site that reads tokens their numbers, `[B, T, 1]`
    /// @param weight the target's own `W [d_out, d_in]`
    /// @param positions `[B, P]` the positions of the rows of `input`; null when they are all T
    Tensor output(Tensor input, Tensor weight, @Nullable Tensor positions);
}
