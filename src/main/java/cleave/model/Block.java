package cleave.model;

import cleave.tensor.Tensor;
import java.util.Optional;

/// One block of a transformer: an attention layer and an MLP.
///
/// @param norm before the attention layer
/// @param attention the attention layer
/// @param second the MLP and its norm, where there is one
/// @param parallel whether the MLP reads the same stream as the attention layer, and not what that
///   added
public record Block(Norm norm, SelfAttention attention, Optional<Second> second, boolean parallel) {

    /// The second half of a block.
    ///
    /// @param norm before the MLP
    /// @param mlp the MLP
    public record Second(Norm norm, Mlp mlp) {}

    /// A block whose MLP reads what attention added.
    public Block(Norm norm, SelfAttention attention, Optional<Second> second) {
        this(norm, attention, second, false);
    }

    /// The residual stream after the block at the queries, `[B, Q, d]`.
    ///
    /// @param residual the stream before it, `[B, T, d]`
    Tensor of(Pass pass, Tensor residual) {
        // Attention comes first, for gradients of the stream add up in the order of its uses.
        Tensor read = attention.of(pass, norm.of(pass, residual)); // [B, Q, d]
        Tensor before = pass.atQueries(residual); // [B, Q, d]
        Tensor middle = before.add(read);
        if (second.isEmpty()) {
            return middle;
        }
        Tensor seen = parallel ? before : middle;
        return middle.add(second.get().mlp().of(pass, second.get().norm().of(pass, seen)));
    }
}
