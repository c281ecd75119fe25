package cleave.verdict;

import java.util.Locale;

/// What a figure is held against.
///
/// @param bound which side is the good one
/// @param pass the last figure that passes
/// @param warn the last figure that is only warned of; beyond it the check fails
public record Limit(Bound bound, double pass, double warn) {

    /// Which side of a limit is the good one.
    public enum Bound {
        /// Smaller is better.
        AT_MOST,
        /// Larger is better.
        AT_LEAST;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /// Checks that the warnings lie on the bad side.
    public Limit {
        if (bound == Bound.AT_MOST ? !(pass <= warn) : !(pass >= warn)) {
            throw new IllegalArgumentException(
                    "a figure that passes must be better than one that is warned of, got %s %s and %s"
                            .formatted(bound, pass, warn));
        }
    }

    /// A limit that good figures do not exceed.
    public static Limit atMost(double pass, double warn) {
        return new Limit(Bound.AT_MOST, pass, warn);
    }

    /// A limit that good figures reach.
    public static Limit atLeast(double pass, double warn) {
        return new Limit(Bound.AT_LEAST, pass, warn);
    }

    /// Where a figure stands; what is not a number fails.
    Status judge(double figure) {
        if (keeps(figure, pass)) {
            return Status.PASS;
        }
        return keeps(figure, warn) ? Status.WARN : Status.FAIL;
    }

    private boolean keeps(double figure, double last) {
        return bound == Bound.AT_MOST ? figure <= last : figure >= last;
    }
}
