package cleave.verdict;

/// The limits of a verdict. Why each is where it is stands in `docs/reference/checks.md`.
///
/// @param finished share of the configured steps that are done
/// @param converged factor by which the reconstruction losses still change
/// @param faithfulness mean squared weight delta (spec L3)
/// @param importanceKl nats per loss position under masks equal to the importances
/// @param importanceAccuracy under the same masks, as a share of the target's
/// @param roundedKl nats under masks rounded to 0 and 1
/// @param stochasticKl nats under stochastic masks
/// @param positionFreeAccuracy as a share of the target's (spec A4)
/// @param positionFreeKl nats (spec A4)
/// @param undecided share of importances above 0.01 that lie between 0.1 and 0.9 (spec A15)
/// @param densest largest share of positions at which one subcomponent is active (spec A15)
/// @param thresholdChange share of the used subcomponents that another threshold adds or takes away
/// @param floorChange share of the used subcomponents that another floor adds or takes away
/// @param adversarialKl nats under the worst masks found (spec A16)
/// @param groundTruth share of wrong entries against a known solution
public record Thresholds(
        Limit finished,
        Limit converged,
        Limit faithfulness,
        Limit importanceKl,
        Limit importanceAccuracy,
        Limit roundedKl,
        Limit stochasticKl,
        Limit positionFreeAccuracy,
        Limit positionFreeKl,
        Limit undecided,
        Limit densest,
        Limit thresholdChange,
        Limit floorChange,
        Limit adversarialKl,
        Limit groundTruth) {

    /// The limits of `cleave verdict`.
    public static final Thresholds DEFAULT =
            new Thresholds(
                    Limit.atLeast(1, 1),
                    Limit.atMost(1.5, 2),
                    Limit.atMost(1e-7, 1e-6),
                    Limit.atMost(1e-2, 3e-2),
                    Limit.atLeast(0.995, 0.97),
                    Limit.atMost(1e-1, 3e-1),
                    Limit.atMost(1e-2, 3e-2),
                    Limit.atLeast(0.97, 0.9),
                    Limit.atMost(1e-1, 3e-1),
                    Limit.atMost(0.2, 0.5),
                    Limit.atMost(0.5, 0.9),
                    Limit.atMost(0.1, 0.3),
                    Limit.atMost(0.1, 0.3),
                    Limit.atMost(1e-1, Double.POSITIVE_INFINITY),
                    Limit.atMost(0, 1e-3));
}
