package cleave.analysis;

import cleave.analysis.Evaluation.Slice;
import cleave.model.Target;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;

/// Adds up how far outputs are from the target's and how often they are right.
public final class Tally {
    private double divergence;
    private double right;
    private double lossPositions;
    private double answers; // loss positions of which it is known what follows

    /// Passes of one slice, averaged; none count as no divergence. One is made, shown to `also` and
    /// freed before the next.
    void add(Slice slice, List<Supplier<Target.Forward>> passes, Consumer<Target.Forward> also) {
        for (Supplier<Target.Forward> pass : passes) {
            Scopes.run(() -> {
                Target.Forward run = pass.get();
                outputs(slice, run.outputs(), 1.0 / passes.size());
                also.accept(run);
            });
        }
        count(slice);
    }

    /// Outputs `[B, P, tokens]` of one slice.
    public void add(Slice slice, Tensor outputs) {
        outputs(slice, outputs, 1);
        count(slice);
    }

    private void count(Slice slice) {
        lossPositions += slice.batch().losses().count();
        Tensor known = slice.examples().labels().ge(0); // [B, P]
        answers += counted(slice, known);
    }

    /// How many loss positions of a slice are on in a `[B, P]` of booleans.
    private static double counted(Slice slice, Tensor on) {
        Tensor counted = slice.batch().losses().counted();
        return Tensors.number(
                (counted == null ? on : on.masked_fill(counted.logical_not(), 0)).sum());
    }

    private void outputs(Slice slice, Tensor outputs, double share) {
        divergence += share * Tensors.number(slice.divergence().sum(outputs));
        Tensor best = outputs.argmax(-1, false); // [B, P]
        right += share * counted(slice, best.eq(slice.examples().labels()));
    }

    /// Mean divergence over loss positions, nats.
    public double kl() {
        return divergence / lossPositions;
    }

    /// Share of loss positions with the right token on top, of those where it is known; NaN where
    /// it is known nowhere, as with prompts of which nobody knows what follows.
    public double accuracy() {
        return right / answers;
    }
}
