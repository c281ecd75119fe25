package cleave.model;

import cleave.tensor.Tensor;
import java.util.Optional;

/// An attention layer.
///
/// @param projections the maps to queries, keys and values
/// @param queryNorm the norm of queries
/// @param keyNorm the norm of keys
/// @param code how queries and keys know where they lie
/// @param heads how queries read values
/// @param output the map of what was read; without one it is added as it is
public record SelfAttention(
        Projections projections,
        Norm queryNorm,
        Norm keyNorm,
        PositionCode code,
        Heads heads,
        Optional<Projection> output) {

    /// A layer whose queries and keys are as the maps give them.
    public SelfAttention(
            Projections projections, PositionCode code, Heads heads, Optional<Projection> output) {
        this(projections, Norm.NONE, Norm.NONE, code, heads, output);
    }

    /// What the layer adds to the stream, `[B, Q, d]`.
    ///
    /// @param x the normed stream `[B, T, d]`
    Tensor of(Pass pass, Tensor x) {
        Projections.Mapped mapped = projections.of(pass, code.before(x), x);
        Tensor mixed =
                heads.mixed(
                        pass,
                        new Projections.Mapped(
                                code.after(
                                        pass, queryNorm.of(pass, mapped.q()), pass.queries()),
                                code.after(pass, keyNorm.of(pass, mapped.k()), null),
                                mapped.v()));
        return output.isEmpty() ? mixed : output.get().of(pass, mixed, pass.queries());
    }
}
