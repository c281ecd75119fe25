package cleave.analysis;

import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Positions;
import cleave.model.Target;
import cleave.tensor.Tensor;
import cleave.tensor.Type;

/// Attention patterns of clean and masked passes. In the last block a masked pass computes the
/// queries at loss positions only.
public final class Patterns {
    private Patterns() {}

    /// The pattern of a layer `[B, Q, T]`: the clean one where the masked pass began later.
    public static Tensor of(Clean clean, Target.Forward pass, int layer) {
        int skipped = clean.attention().size() - pass.attention().size();
        return layer < skipped
                ? clean.attention().get(layer)
                : pass.attention().get(layer - skipped);
    }

    /// How much the query `[B]` attends to the key `[B]`: `[B]`.
    ///
    /// @param pattern `[B, Q, T]`, its queries all positions or the loss positions
    public static Tensor between(Tensor pattern, Batch batch, Tensor query, Tensor key) {
        Tensor at = query.unsqueeze(1); // [B, 1]
        if (pattern.size(1) != batch.length()) {
            Tensor found = batch.losses().index().eq(at); // [B, P]
            if (!found.any(1L).all().item_bool()) {
                throw new IllegalArgumentException(
                        "queries of the last attention layer must be loss positions, got another position");
            }
            at = found.to(Type.LONG).argmax(1, true); // [B, 1]
        }
        Tensor row = Positions.select(pattern, at).squeeze(1L); // [B, T]
        return row.gather(1, key.unsqueeze(1)).squeeze(1L); // [B]
    }
}
