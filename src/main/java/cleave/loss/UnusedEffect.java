package cleave.loss;

import cleave.config.AtLeast;
import cleave.mask.MaskedPasses;
import cleave.mask.Masking;
import cleave.mask.Routes;
import cleave.model.Target;
import cleave.schedule.Schedule;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/// What the subcomponents that no sequence of the batch uses do by themselves, at one site in turn
/// (spec L8): the divergence of the output with them alone from the output with none. It is as
/// little as nothing when those that are used carry the site's work. Gradients reach U and V only.
public record UnusedEffect(@AtLeast(0) Schedule coefficient) implements ByLargestImportance {

    @Override
    public String name() {
        return "unused_effect";
    }

    @Override
    public double apply(LossSlice slice, BatchSummary batch) {
        int site = (int) (slice.draw().step() % slice.upper().size());
        double[] unused = batch.unused(site);
        double share = 1 - Arrays.stream(unused).min().orElse(1);
        if (share == 0) {
            return 0;
        }
        return slice.onOutputs(
                () -> {
                    double[] none = new double[unused.length];
                    Tensor without =
                            Scopes.withoutGradient(
                                    () -> alone(slice.forward(), site, none, false).outputs());
                    return Divergence.taking(
                            slice.outputs(), without, slice.batch().losses().counted());
                },
                () -> alone(slice.forward(), site, unused, true),
                share / slice.sizes().lossPositions());
    }

    /// A pass with one site under masks `[C]` at every position, and its remainder or not.
    private static Target.Forward alone(
            MaskedPasses forward, int site, double[] masks, boolean remainder) {
        List<double[]> ofSite = Collections.nCopies(site + 1, masks);
        return forward.pass(new Masking.Everywhere(ofSite, remainder), Routes.only(site));
    }
}
