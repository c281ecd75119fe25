package cleave.model;

import cleave.tensor.Tensor;
import java.util.Optional;

/// One block of a transformer: an attention layer, then an MLP that reads what it added.
///
/// @param norm before the attention layer
/// @param attention the attention layer
/// @param second the MLP and its norm, where there is one
record Block(Norm norm, SelfAttention attention, Optional<Second> second) {

    /// The second half of a block.
    ///
    /// @param norm before the MLP
    /// @param mlp the MLP
    record Second(Norm norm, Mlp mlp) {}

    /// The residual stream after the block at the queries, `[B, Q, d]`.
    ///
    /// @param residual the stream before it, `[B, T, d]`
    Tensor of(Pass pass, Tensor residual) {
        // Attention comes first, for gradients of the stream add up in the order of its uses.
        Tensor read = attention.of(pass, norm.of(pass, residual)); // [B, Q, d]
        Tensor middle = pass.atQueries(residual).add(read); // [B, Q, d]
        return second.isEmpty()
                ? middle
                : middle.add(second.get().mlp().of(pass, second.get().norm().of(pass, middle)));
    }
}
