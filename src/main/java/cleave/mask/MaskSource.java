package cleave.mask;

/// Where masks come from (spec M1).
public enum MaskSource {
    /// `g + (1 - g) r` with uniform r.
    STOCHASTIC,
    /// The importance g itself.
    IMPORTANCE,
    /// 1 with probability g, else 0. A gradient passes to g as if the mask were g.
    BINARY,
    /// 1 where g > 0.5, else 0.
    ROUNDED,
    /// 1 everywhere.
    ONES,
    /// 0 everywhere.
    ZERO;

    /// Whether it needs a source r for each subcomponent.
    public boolean isDrawn() {
        return this == STOCHASTIC || this == BINARY;
    }
}
