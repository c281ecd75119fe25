package cleave.analysis;

import cleave.mask.MaskDraws;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.model.Target;
import java.util.List;
import java.util.function.Supplier;

/// The kinds of masked passes of a census.
enum CensusPass {
    IMPORTANCE(0),
    ROUNDED(1),
    STOCHASTIC(2),
    LAYERWISE(3),
    PARTIAL(4),
    ONES(5);

    /// Keys the draws, as a loss term's place in its stream does.
    private final int term;

    CensusPass(int term) {
        this.term = term;
    }

    private Masking masking() {
        return switch (this) {
            case IMPORTANCE -> new Masking.Importance();
            case ROUNDED -> new Masking.Rounded();
            case STOCHASTIC, LAYERWISE, PARTIAL -> new Masking.Stochastic();
            case ONES -> new Masking.Ones();
        };
    }

    private Routing routing() {
        return switch (this) {
            case LAYERWISE -> new Routing.EachAlone();
            case PARTIAL -> new Routing.RandomSubset(Routing.Drawn.PER_BATCH);
            case IMPORTANCE, ROUNDED, STOCHASTIC, ONES -> new Routing.All();
        };
    }

    /// The passes of one slice, to be averaged: each is made when asked for, since those of every
    /// site alone are as many as the sites.
    List<Supplier<Target.Forward>> runs(MaskedForward forward, long slice) {
        return forward.passes(masking(), routing(), new MaskDraws(0, slice, term, 0));
    }
}
