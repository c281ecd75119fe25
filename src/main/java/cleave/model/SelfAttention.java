package cleave.model;

import cleave.tensor.Tensor;
import java.util.Optional;

/// An attention layer.
///
/// @param projections the maps to queries, keys and values
/// @param code how queries and keys know where they lie
/// @param heads how queries read values
/// @param output the map of what was read; without one it is added as it is
record SelfAttention(
        Projections projections, PositionCode code, Heads heads, Optional<Projection> output) {

    /// What the layer adds to the stream, `[B, Q, d]`.
    ///
    /// @param x the normed stream `[B, T, d]`
    Tensor of(Pass pass, Tensor x) {
        Projections.Mapped mapped = projections.of(pass, code.before(x), x);
        Tensor mixed =
                heads.mixed(
                        pass,
                        new Projections.Mapped(
                                code.after(mapped.q(), pass.queries()),
                                code.after(mapped.k(), null),
                                mapped.v()));
        return output.isEmpty() ? mixed : output.get().of(pass, mixed, pass.queries());
    }
}
