package cleave.loss;

import cleave.config.Above;
import cleave.config.AtLeast;
import cleave.config.Default;
import cleave.config.Range;
import cleave.mask.MaskSource;
import cleave.mask.Routing;
import cleave.schedule.Schedule;
import java.util.Locale;

/// One term of a stream's objective and its coefficient (spec L2, L4 to L9).
public sealed interface LossTerm {

    /// What the term is multiplied with at each step.
    Schedule coefficient();

    /// The term's name in metrics and messages.
    String name();

    /// Whether its gradient in one slice of a batch depends on the other slices.
    default boolean couples() {
        return true;
    }

    /// How many subcomponents matter at a position (spec L4, L5).
    ///
    /// @param p the power; annealed by a schedule
    /// @param epsilon added to the importance before the power
    /// @param zeroIsFree whether an importance of zero costs exactly zero
    /// @param positions whether positions are averaged or summed
    /// @param frequency coefficient of the frequency term, within this term's coefficient
    record ImportanceMinimality(
            @AtLeast(0) Schedule coefficient,
            @Above(0) Schedule p,
            @AtLeast(0) @Default("1.0e-12") double epsilon,
            @Default("true") boolean zeroIsFree,
            @Default("mean") PositionReduction positions,
            @AtLeast(0) @Default("0.0") double frequency)
            implements LossTerm {
        @Override
        public String name() {
            return "importance_minimality";
        }

        @Override
        public boolean couples() {
            return frequency != 0;
        }
    }

    /// How positions of a sequence are reduced in importance minimality.
    enum PositionReduction {
        /// Mean over all valid positions of the batch.
        MEAN,
        /// Sum over positions, mean over sequences.
        SUM
    }

    /// How many different subcomponents are used at all: concave in each one's share of sequences
    /// (spec L6).
    record Usage(
            @AtLeast(0) Schedule coefficient,
            @Range(min = 0.01, max = 1) double exponent,
            @Above(0) @Default("1.0e-5") double offset)
            implements LossTerm {
        @Override
        public String name() {
            return "usage";
        }
    }

    /// What the subcomponents that no sequence of the batch uses do by themselves, at one site in
    /// turn (spec L8): as little as nothing, when those that are used carry the site's work.
    record UnusedEffect(@AtLeast(0) Schedule coefficient) implements LossTerm {
        @Override
        public String name() {
            return "unused_effect";
        }
    }

    /// How far the output moves when every site has all that the batch uses of it at every position
    /// and nothing else (spec L9): pieces that carry the task without a gate to place them.
    record UsedAlone(@AtLeast(0) Schedule coefficient) implements LossTerm {
        @Override
        public String name() {
            return "used_alone";
        }
    }

    /// How far the output moves when sites are replaced by masked subcomponents (spec L2).
    ///
    /// @param masks where masks come from
    /// @param routing which sites are replaced
    /// @param draws how many sets of masks are averaged
    record Reconstruction(
            @AtLeast(0) @Default("1.0") Schedule coefficient,
            MaskSource masks,
            @Default("all") Routing routing,
            @AtLeast(1) @Default("1") int draws)
            implements LossTerm {
        @Override
        public String name() {
            String sites =
                    switch (routing) {
                        case Routing.All _ -> "";
                        case Routing.EachAlone _ -> "_layerwise";
                        case Routing.RandomSubset _ -> "_partial";
                        case Routing.Bernoulli _ -> "_bernoulli";
                    };
            return masks.name().toLowerCase(Locale.ROOT) + "_reconstruction" + sites;
        }

        @Override
        public boolean couples() {
            return false;
        }
    }
}
