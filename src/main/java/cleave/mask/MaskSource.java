package cleave.mask;

/// Where masks come from (spec M1).
public enum MaskSource {
    /// `g + (1 - g) r` with uniform r.
    STOCHASTIC,
    /// The importance g itself.
    IMPORTANCE,
    /// 1 where g > 0.5, else 0.
    ROUNDED,
    /// 1 everywhere.
    ONES,
    /// 0 everywhere.
    ZERO
}
