package cleave.mask;

import cleave.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/// What a masking says of one site in one pass.
///
/// @param form the masks of the subcomponents
/// @param delta d `[B, T]`, how much of the weight delta stays; null for none. Where the stream
///   keeps all of the delta, all of it stays whatever this says.
/// @param remainder n `[B, T]`, how much of the remainder of merged subcomponents stays; null for
///   none
public record SiteMasks(MaskForm form, @Nullable Tensor delta, @Nullable Tensor remainder) {

    /// Masks of the subcomponents, and nothing of delta and remainder.
    public static SiteMasks alone(MaskForm form) {
        return new SiteMasks(form, null, null);
    }
}
