package cleave.model;

/// What a pass takes for constants when it is differentiated. The numbers that it computes are the
/// same in every case.
///
/// A norm divides by the size of what it reads, so that its output does not grow with its input:
/// the derivatives of a normed number along all parts of the stream add up to about nothing. With
/// the size held, they add up to the number.
public enum Held {
    /// Nothing: the derivatives are those of the network.
    NOTHING,
    /// What norms divide by.
    NORMS,
    /// What norms divide by and the attention patterns, so that queries and keys have no effect.
    NORMS_AND_ATTENTION;

    /// Whether what norms divide by is held.
    boolean norms() {
        return this != NOTHING;
    }

    /// Whether attention patterns are held.
    boolean attention() {
        return this == NORMS_AND_ATTENTION;
    }
}
