package cleave.own;

import cleave.config.Range;
import cleave.mask.MaskDraws;
import cleave.mask.MaskForm;
import cleave.mask.MaskedPlace;
import cleave.mask.Masking;
import cleave.mask.SiteMasks;
import cleave.tensor.Tensor;

/// A masking of one's own: between the importance and a stochastic mask, with a share of the
/// remainder.
///
/// @param share of the stochastic mask
record Halfway(@Range(min = 0, max = 1) double share) implements Masking {
    @Override
    public SiteMasks of(MaskedPlace place) {
        Tensor g = place.importances();
        Tensor stochastic = MaskDraws.between(g, place.sources().tensor());
        Tensor mask = g.mul(1 - share).add(stochastic.mul(share));
        return new SiteMasks(
                new MaskForm.Given(mask),
                place.keepsDeltaInPart() ? place.deltas() : null,
                place.everywhere().mul(share));
    }
}
