package cleave.loss;

import cleave.decomposition.Decomposition;
import cleave.loss.LossTerm.Reconstruction;
import cleave.mask.MaskDraws;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.Routes;
import cleave.model.Batch;
import cleave.model.Target;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Supplier;

/// The values of faithfulness, reconstruction, used alone and unused effect.
///
/// What is made on the way to a value that comes from passes must live until it is differentiated:
/// the caller's scope has it.
public final class Losses {
    private Losses() {}

    /// Faithfulness of all decomposed sites (spec L3), a scalar.
    public static Tensor faithfulness(Decomposition decomposition, boolean relative) {
        return Scopes.keep(() -> {
            Tensor sum = null;
            double count = 0;
            for (Decomposition.DecomposedSite site : decomposition.sites()) {
                Subcomponents subcomponents = decomposition.subcomponents(site);
                Tensor delta = subcomponents.delta();
                Tensor square = delta.mul(delta).sum();
                if (relative) {
                    Tensor W = subcomponents.W();
                    square = square.div(W.mul(W).sum());
                }
                sum = sum == null ? square : sum.add(square);
                count += relative ? 1 : delta.numel();
            }
            if (sum == null) {
                throw new IllegalArgumentException("at least one site must be decomposed");
            }
            return sum.div(count);
        });
    }

    /// The passes of a reconstruction term in one slice, each to be made and differentiated by
    /// itself: the divergences, summed over the slice's loss positions, add up to the term (spec
    /// L2), an average over draws and passes. None when the routing replaces no site.
    ///
    /// @param seed of the run
    /// @param step counted from 0
    /// @param index of the term among those of all streams
    public static List<Supplier<Tensor>> reconstruction(
            Reconstruction term,
            MaskedForward forward,
            Divergence divergence,
            long seed,
            long step,
            int index) {
        List<Supplier<Tensor>> losses = new ArrayList<>();
        for (int draw = 0; draw < term.draws(); draw++) {
            MaskDraws draws = new MaskDraws(seed, step, index, draw);
            var passes = forward.passes(term.masks(), term.routing(), draws);
            double share = 1.0 / (term.draws() * passes.size());
            passes.forEach(
                    pass -> losses.add(() -> divergence.sum(pass.get().outputs()).mul(share)));
        }
        return losses;
    }

    /// What the used subcomponents do without a gate (spec L9): the divergence of the output with
    /// them at every position, summed over the slice's loss positions. Gradients reach U and V, and
    /// for what is not fully used the importances of each sequence where they are largest.
    ///
    /// @param used `[C]` of each site: 1 for a subcomponent fully used, 0 for one that nothing uses
    public static Tensor usedAlone(
            MaskedForward forward, Divergence divergence, List<double[]> used) {
        return divergence.sum(forward.pass(new Masking.Used(used)).outputs());
    }

    /// What a site's unused subcomponents do by themselves (spec L8): the divergence of the output
    /// with them alone from the output with none, summed over the slice's loss positions. Gradients
    /// reach U and V only.
    ///
    /// @param site index of the site
    /// @param unused `[C]` 1 for a subcomponent that nothing uses, 0 for one fully used
    public static Tensor unusedEffect(
            MaskedForward forward, Target.Outputs outputs, Batch batch, int site, double[] unused) {
        Tensor none =
                Scopes.withoutGradient(
                        () -> alone(forward, site, new double[unused.length], false));
        return Divergence.from(outputs, none, batch.losses().counted())
                .sum(alone(forward, site, unused, true));
    }

    /// The outputs with one site under masks `[C]` at every position, and its remainder or not.
    private static Tensor alone(
            MaskedForward forward, int site, double[] masks, boolean remainder) {
        List<double[]> ofSite = Collections.nCopies(site + 1, masks);
        return forward.pass(new Masking.Everywhere(ofSite, remainder), Routes.only(site)).outputs();
    }
}
