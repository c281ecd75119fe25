package cleave.analysis;

import cleave.analysis.Evaluation.Slice;
import cleave.model.Target;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.List;

/// Adds up how far outputs are from the target's and how often they are right.
public final class Tally {
    private double divergence;
    private double right;
    private double lossPositions;

    /// Passes of one slice, averaged; none count as no divergence.
    public void add(Slice slice, List<Target.Forward> passes) {
        passes.forEach(pass -> outputs(slice, pass.outputs(), 1.0 / passes.size()));
        lossPositions += slice.batch().losses().count();
    }

    /// Outputs `[B, P, tokens]` of one slice.
    public void add(Slice slice, Tensor outputs) {
        outputs(slice, outputs, 1);
        lossPositions += slice.batch().losses().count();
    }

    private void outputs(Slice slice, Tensor outputs, double share) {
        divergence += share * Tensors.number(slice.divergence().sum(outputs));
        Tensor answers = outputs.argmax(-1, false); // [B, P]
        Tensor hits = answers.eq(slice.examples().labels()); // [B, P]
        Tensor counted = slice.batch().losses().counted();
        if (counted != null) {
            hits = hits.masked_fill(counted.logical_not(), 0);
        }
        right += share * Tensors.number(hits.sum());
    }

    /// Mean divergence over loss positions, nats.
    public double kl() {
        return divergence / lossPositions;
    }

    /// Share of loss positions with the right token on top.
    public double accuracy() {
        return right / lossPositions;
    }
}
