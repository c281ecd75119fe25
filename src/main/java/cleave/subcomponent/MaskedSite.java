package cleave.subcomponent;

import cleave.engine.Products;
import cleave.model.Positions;
import cleave.model.Replacement;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import org.jspecify.annotations.Nullable;

/// A site whose map is its masked subcomponents, with the weight delta folded into the target's own
/// weight (spec S2).
///
/// With masks m, the delta's mask d and the remainder's mask n a replaced site is
///
/// ```
///   ((x V) * m) U + d (x Delta^T) + n (x R^T)
///     = ((x V) * (m - d)) U + d (x W^T) + (n - d) (x R^T),   Delta = W - R - (V U)^T
/// ```
///
/// The right side never forms Delta, W is frozen and so has no gradient, and with every mask at 1
/// the first and the last product are exactly zero: the site is then the target's own map bit for
/// bit. Where a position is not routed here, its masks are all 1.
///
/// @param products multiplies, as in the target
/// @param subcomponents V, U, W and R
/// @param masked what V and U make of an input under the masks m
/// @param delta how much of the weight delta stays
/// @param remainder n `[B, T]`; null for zeros
/// @param routed `[B, T]` booleans, false where the target's own map is used; null for everywhere
public record MaskedSite(
        Products products,
        Subcomponents subcomponents,
        MaskedSubcomponents masked,
        DeltaShare delta,
        @Nullable Tensor remainder,
        @Nullable Tensor routed)
        implements Replacement {

    /// A site under masks `[B, T, C]` alone, without delta and remainder.
    public MaskedSite(Subcomponents subcomponents, Tensor mask) {
        this(
                Products.EXACT,
                subcomponents,
                new MaskedSubcomponents.Recorded(Products.EXACT, subcomponents, mask),
                DeltaShare.NONE,
                null,
                null);
    }

    /// How much of a site's weight delta stays, d.
    ///
    /// @param whole whether all of it stays everywhere
    /// @param at d `[B, T]`; null when `whole` says it
    public record DeltaShare(boolean whole, @Nullable Tensor at) {
        /// None of it stays: d is 0 everywhere.
        public static final DeltaShare NONE = new DeltaShare(false, null);

        /// All of it stays: d is 1 everywhere.
        public static final DeltaShare WHOLE = new DeltaShare(true, null);

        /// A share d `[B, T]` of its own stays at each position.
        public static DeltaShare of(Tensor at) {
            return new DeltaShare(false, at);
        }

        private boolean isNone() {
            return !whole && at == null;
        }
    }

    @Override
    public Tensor output(Tensor input, Tensor weight, @Nullable Tensor positions) {
        Tensor d = column(delta.at(), positions); // [B, P, 1], null for a number
        Tensor r = column(routed, positions); // [B, P, 1] booleans
        Shift shift = new Shift(d, delta.whole() ? 1 : 0, r);
        Tensor output = masked.output(input, positions, shift); // ((x V) * r (m - d)) U
        if (!delta.isNone() || r != null) {
            output = output.add(shift.ofTarget(products.map(input, weight)));
        }
        Tensor R = subcomponents.remainder();
        Tensor n = column(remainder, positions);
        if (R != null && !(n == null && delta.isNone())) {
            Tensor share = n == null ? Tensors.zeros(Tensors.type(R), 1, 1, 1) : n;
            output = output.add(products.product(input, R.t()).mul(shift.of(share)));
        }
        return output;
    }

    private static @Nullable Tensor column(
            @Nullable Tensor perPosition, @Nullable Tensor positions) {
        return perPosition == null ? null : Positions.select(perPosition.unsqueeze(2), positions);
    }

    /// What the delta and the routing make of other masks: `r (m - d)`, and of the target's own map
    /// `1 - r (1 - d)`.
    ///
    /// @param delta d `[B, P, 1]`; null for the number `everywhere`
    /// @param everywhere d where it is the same at every position
    /// @param routed r `[B, P, 1]` booleans; null for true everywhere
    public record Shift(@Nullable Tensor delta, double everywhere, @Nullable Tensor routed) {
        /// No delta and no routing: masks stay as they are.
        public static final Shift NONE = new Shift(null, 0, null);

        /// `r (m - d)`.
        public Tensor of(Tensor mask) {
            Tensor less = mask;
            if (delta != null) {
                less = mask.sub(delta);
            } else if (everywhere != 0) {
                less = mask.sub(everywhere);
            }
            return routed == null ? less : less.mul(routed);
        }

        /// `(1 - r (1 - d)) y`, for y the output of the target's own map.
        Tensor ofTarget(Tensor y) {
            if (delta == null && everywhere == 1) {
                return y;
            }
            if (routed == null) {
                return delta == null ? y.mul(everywhere) : y.mul(delta);
            }
            Tensor away = routed.logical_not(); // 1 - r
            return delta == null
                    ? y.mul(away)
                    : y.mul(delta.mul(routed).add(away)); // r d + (1 - r), exact for r of 0 and 1
        }
    }
}
