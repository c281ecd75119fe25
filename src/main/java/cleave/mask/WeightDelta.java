package cleave.mask;

/// How much of the weight delta a replaced site keeps (spec M2).
public enum WeightDelta {
    /// None of it.
    NONE,
    /// A uniform share at each position under stochastic masks, none under others.
    STOCHASTIC,
    /// All of it under every mask.
    ON
}
