package cleave.loss;

import cleave.config.AtLeast;
import cleave.mask.Masking;
import cleave.schedule.Schedule;
import java.util.List;
import java.util.stream.IntStream;

/// How far the output moves when every site has all that the batch uses of it at every position and
/// nothing else (spec L9): pieces that carry the task without a gate to place them. Gradients reach
/// U and V, and for what is not fully used the importances of each sequence where they are largest.
public record UsedAlone(@AtLeast(0) Schedule coefficient) implements ByLargestImportance {

    @Override
    public String name() {
        return "used_alone";
    }

    @Override
    public double apply(LossSlice slice, BatchSummary batch) {
        List<double[]> used =
                IntStream.range(0, slice.upper().size()).mapToObj(batch::used).toList();
        return slice.onOutputs(
                slice::divergence,
                () -> slice.forward().pass(new Masking.Used(used)),
                1 / slice.sizes().lossPositions());
    }
}
