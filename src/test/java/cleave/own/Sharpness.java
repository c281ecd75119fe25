package cleave.own;

import cleave.config.AtLeast;
import cleave.loss.BatchSummary;
import cleave.loss.ImportanceSlice;
import cleave.loss.LossSlice;
import cleave.loss.LossTerm;
import cleave.mask.MaskDraws;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.schedule.Schedule;
import java.util.Arrays;
import java.util.OptionalDouble;

/// A loss of one's own: the squared divergence under masks, over the batch's largest importance,
/// which couples its slices.
///
/// @param masks of the passes
record Sharpness(@AtLeast(0) Schedule coefficient, Masking masks) implements LossTerm {
    @Override
    public String name() {
        return "sharpness";
    }

    @Override
    public boolean couples() {
        return true;
    }

    @Override
    public double[][] summary(ImportanceSlice slice) {
        return slice.numbers(site -> slice.eachPeak(site).amax(0));
    }

    @Override
    public double merge(double one, double other) {
        return Math.max(one, other);
    }

    @Override
    public double apply(LossSlice slice, BatchSummary batch) {
        double largest =
                Arrays.stream(batch.values()).flatMapToDouble(Arrays::stream).max().orElse(0);
        LossSlice.Draw draw = slice.draw();
        MaskDraws draws = new MaskDraws(draw.seed(), draw.step(), draw.term(), 0);
        double value = 0;
        for (var pass : slice.forward().passes(masks, new Routing.EachAlone(), draws)) {
            value +=
                    slice.onPass(
                            () -> slice.divergence().at(pass.get().outputs()).square().sum(),
                            1 / (1 + largest) / slice.sizes().lossPositions());
        }
        return value;
    }

    @Override
    public OptionalDouble value(BatchSummary batch) {
        return OptionalDouble.empty();
    }
}
