package cleave.analysis;

import cleave.mask.MaskDraws;
import cleave.mask.MaskSource;
import cleave.mask.MaskedForward;
import cleave.mask.Routing;
import cleave.model.Target;
import java.util.List;

/// The kinds of masked passes of a census.
enum MaskedPass {
    IMPORTANCE(0),
    ROUNDED(1),
    STOCHASTIC(2),
    LAYERWISE(3),
    PARTIAL(4),
    ONES(5);

    /// Keys the draws, as a loss term's place in its stream does.
    private final int term;

    MaskedPass(int term) {
        this.term = term;
    }

    private MaskSource source() {
        return switch (this) {
            case IMPORTANCE -> MaskSource.IMPORTANCE;
            case ROUNDED -> MaskSource.ROUNDED;
            case STOCHASTIC, LAYERWISE, PARTIAL -> MaskSource.STOCHASTIC;
            case ONES -> MaskSource.ONES;
        };
    }

    private Routing routing() {
        return switch (this) {
            case LAYERWISE -> new Routing.EachAlone();
            case PARTIAL -> new Routing.RandomSubset(Routing.Drawn.PER_BATCH);
            case IMPORTANCE, ROUNDED, STOCHASTIC, ONES -> new Routing.All();
        };
    }

    /// The passes of one slice, to be averaged.
    List<Target.Forward> runs(MaskedForward forward, long slice) {
        return forward.runs(source(), routing(), new MaskDraws(0, slice, term, 0));
    }
}
