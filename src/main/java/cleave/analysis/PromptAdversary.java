package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.loss.Divergence;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;

/// An adversary on one sequence, who has a source of its own for every subcomponent at every
/// position, and for the weight delta and the remainder of every site there.
public final class PromptAdversary {
    private PromptAdversary() {}

    /// Sources drawn anew, from which an adversary starts.
    ///
    /// @param length of the sequence
    /// @param key of the draws
    static Masking.Sources drawn(Decomposition decomposition, int length, Draws.Key key) {
        Type type = decomposition.target().type();
        List<Tensor> sources = new ArrayList<>();
        List<Tensor> deltas = new ArrayList<>();
        List<Tensor> remainders = new ArrayList<>();
        for (DecomposedSite site : decomposition.sites()) {
            int numbers = length * site.count();
            float[] drawn = new float[numbers + 2 * length];
            key.with(site.name()).uniforms(drawn, 0, drawn.length);
            sources.add(Tensors.of(Arrays.copyOf(drawn, numbers), type, 1, length, site.count()));
            int first = numbers + length;
            deltas.add(Tensors.of(Arrays.copyOfRange(drawn, numbers, first), type, length));
            remainders.add(
                    Tensors.of(Arrays.copyOfRange(drawn, first, drawn.length), type, length));
        }
        return new Masking.Sources(sources, deltas, remainders);
    }

    /// The sources at which the outputs at the batch's loss positions are farthest from the
    /// target's, of those that some steps of ascent come by (spec A16).
    ///
    /// They belong to the scope that is open.
    ///
    /// @param batch one sequence
    /// @param clean its clean pass
    /// @param lower the lower importances `[1, T, C]` of each site, in site order
    /// @param each told the number of each step before it is taken
    public static Masking.Sources worst(
            Decomposition decomposition,
            WeightDelta weightDelta,
            Batch batch,
            Clean clean,
            List<Tensor> lower,
            int steps,
            IntConsumer each) {
        return Scopes.withGradient(() -> {
            List<Tensor> fixed = lower.stream().map(Tensor::detach).toList();
            Divergence divergence =
                    Divergence.from(
                            decomposition.target().outputs(), clean.outputs().detach(), null);
            SourceAscent ascent =
                    new SourceAscent(
                            List.of(
                                    new SourceAscent.Part(
                                            () ->
                                                    new MaskedForward(
                                                            decomposition,
                                                            batch,
                                                            clean,
                                                            fixed,
                                                            weightDelta),
                                            divergence)),
                            drawn(
                                    decomposition,
                                    (int) batch.length(),
                                    Draws.key(0, Draws.Purpose.EVALUATION)
                                            .with("prompt adversary")));
            for (int step = 0; step < steps; step++) {
                each.accept(step);
                ascent.step();
            }
            ascent.measure();
            return ascent.worst();
        });
    }
}
