package cleave.loss;

import cleave.config.AtLeast;
import cleave.config.Default;
import cleave.mask.MaskDraws;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.schedule.Schedule;

/// How far the output moves when sites are replaced by masked subcomponents (spec L2): the mean
/// over loss positions, an average over draws and over the passes that the routing asks for. A pass
/// is differentiated and freed before the next is made.
///
/// @param masks where masks come from
/// @param routing which sites are replaced
/// @param draws how many sets of masks are averaged
public record Reconstruction(
        @AtLeast(0) @Default("1.0") Schedule coefficient,
        Masking masks,
        @Default("all") Routing routing,
        @AtLeast(1) @Default("1") int draws)
        implements LossTerm {

    /// The term of one draw with a coefficient that stays the same.
    public static Reconstruction of(double coefficient, Masking masks, Routing routing) {
        return new Reconstruction(Schedule.constant(coefficient), masks, routing, 1);
    }

    @Override
    public String name() {
        String sites =
                switch (routing) {
                    case Routing.All _ -> "";
                    case Routing.EachAlone _ -> "_layerwise";
                    case Routing.RandomSubset _ -> "_partial";
                    case Routing.Bernoulli _ -> "_bernoulli";
                };
        return masks.name() + "_reconstruction" + sites;
    }

    @Override
    public double apply(LossSlice slice, BatchSummary batch) {
        double value = 0;
        for (int i = 0; i < draws; i++) {
            LossSlice.Draw draw = slice.draw();
            MaskDraws keyed = new MaskDraws(draw.seed(), draw.step(), draw.term(), i);
            var passes = slice.forward().passes(masks, routing, keyed);
            double share = 1.0 / (draws * passes.size());
            for (var pass : passes) {
                value +=
                        slice.onOutputs(
                                slice::divergence, pass, share / slice.sizes().lossPositions());
            }
        }
        return value;
    }
}
