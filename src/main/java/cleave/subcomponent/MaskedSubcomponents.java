package cleave.subcomponent;

import cleave.model.Positions;
import cleave.subcomponent.MaskedSite.Shift;
import cleave.tensor.Tensor;
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
    /// @param mask `[B, T, C]`
    record Recorded(Subcomponents subcomponents, Tensor mask) implements MaskedSubcomponents {
        @Override
        public Tensor output(Tensor input, @Nullable Tensor positions, Shift shift) {
            return input.matmul(subcomponents.V()) // [B, P, C]
                    .mul(shift.of(Positions.select(mask, positions)))
                    .matmul(subcomponents.U());
        }
    }
}
