package cleave.subcomponent;

import cleave.model.Positions;
import cleave.model.Replacement;
import cleave.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/// A site whose map is its masked subcomponents: `((x V) * mask) U + deltaMask * (x delta^T) +
/// remainderMask * (x R^T)` (spec S2).
///
/// @param subcomponents V and U
/// @param masked what V and U make of an input under the masks
/// @param delta the weight delta `[d_out, d_in]` where its mask is not zero everywhere; null
///   otherwise
/// @param deltaMask `[B, T]`; null for a mask of ones when `delta` is given
/// @param remainderMask `[B, T]` of the subcomponents' remainder; null for zeros
/// @param routed `[B, T]` booleans, false where the target's own map is used; null for everywhere
public record MaskedSite(
        Subcomponents subcomponents,
        MaskedSubcomponents masked,
        @Nullable Tensor delta,
        @Nullable Tensor deltaMask,
        @Nullable Tensor remainderMask,
        @Nullable Tensor routed)
        implements Replacement {

    /// A site with masks `[B, T, C]` alone.
    public MaskedSite(Subcomponents subcomponents, Tensor mask) {
        this(
                subcomponents,
                new MaskedSubcomponents.Recorded(subcomponents, mask),
                null,
                null,
                null,
                null);
    }

    @Override
    public Tensor output(Tensor input, Tensor weight, @Nullable Tensor positions) {
        Tensor output = masked.output(input, positions); // [B, T, d_out]
        if (delta != null) {
            Tensor rest = input.matmul(delta.t());
            output =
                    output.add(
                            deltaMask == null
                                    ? rest
                                    : rest.mul(
                                            Positions.select(deltaMask.unsqueeze(2), positions)));
        }
        Tensor remainder = subcomponents.remainder();
        if (remainder != null && remainderMask != null) {
            output =
                    output.add(
                            input.matmul(remainder.t())
                                    .mul(Positions.select(remainderMask.unsqueeze(2), positions)));
        }
        if (routed != null) {
            output =
                    output.where(
                            Positions.select(routed.unsqueeze(2), positions),
                            input.matmul(weight.t()));
        }
        return output;
    }
}
