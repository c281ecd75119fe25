package cleave.subcomponent;

import cleave.engine.Products;
import cleave.engine.SliceMask;
import cleave.engine.SliceSite;
import cleave.model.Positions;
import cleave.subcomponent.MaskedSite.Shift;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import org.jspecify.annotations.Nullable;

/// What a site's subcomponents write under masks, `((x V) * mask) U` (spec S2).
@FunctionalInterface
public interface MaskedSubcomponents {

    /// The output `[B, P, d_out]`.
    ///
    /// @param input `[B, P, d_in]`
    /// @param positions `[B, P]` of the rows of `input`; null when they are all T
    /// @param shift what the weight delta and the routing make of the masks
    Tensor output(Tensor input, @Nullable Tensor positions, Shift shift);

    /// Through libtorch's graph.
    ///
    /// @param products multiplies
    /// @param mask `[B, T, C]`
    record Recorded(Products products, Subcomponents subcomponents, Tensor mask)
            implements MaskedSubcomponents {
        /// From this size of V on, positions that are not routed here are left out of the products.
        private static final long LARGE = 1 << 16;

        @Override
        public Tensor output(Tensor input, @Nullable Tensor positions, Shift shift) {
            Tensor masks = shift.of(Positions.select(mask, positions));
            Tensor routed = shift.routed();
            if (routed == null || subcomponents.V().numel() < LARGE) {
                return output(input, masks);
            }
            Tensor rows = routed.flatten().nonzero().flatten();
            Tensor some =
                    output(
                            input.flatten(0, 1).index_select(0, rows),
                            masks.flatten(0, 1).index_select(0, rows));
            return Tensors.zeros(some.type(), input.size(0) * input.size(1), some.size(1))
                    .index_copy(0, rows, some)
                    .view(input.size(0), input.size(1), some.size(1));
        }

        private Tensor output(Tensor input, Tensor masks) {
            Tensor inner = products.product(input, subcomponents.V()).mul(masks);
            return products.product(inner, subcomponents.U());
        }
    }

    /// By an engine's kernel for narrow sites.
    record InSlice(SliceSite site, SliceMask mask) implements MaskedSubcomponents {
        @Override
        public Tensor output(Tensor input, @Nullable Tensor positions, Shift shift) {
            return site.output(
                    input, mask, positions, shift.delta(), shift.everywhere(), shift.routed());
        }
    }
}
