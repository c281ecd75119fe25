package cleave.verdict;

import java.util.Locale;

/// What a check says, from good to bad.
public enum Status {
    /// A figure to know, held against nothing.
    INFO,
    /// The figure is where it should be.
    PASS,
    /// It is not, by little.
    WARN,
    /// It is not: the decomposition should not be relied on in this respect.
    FAIL;

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
