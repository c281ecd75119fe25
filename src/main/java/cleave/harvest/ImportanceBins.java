package cleave.harvest;

/// Bins of importances: one for 0 and below, then 100 of width 0.01, each with its upper end.
final class ImportanceBins {
    /// How many there are.
    static final int COUNT = 101;

    private ImportanceBins() {}

    /// The bin of an importance; those above 1 lie in the last.
    static int of(float importance) {
        return importance <= 0
                ? 0
                : Math.min(COUNT - 1, (int) Math.ceil(importance * 100.0 - 1e-4));
    }

    /// What stands for the values of a bin: its middle, and 1 for the last, in which importances of
    /// exactly 1 are most.
    static double value(int bin) {
        return bin == 0 ? 0 : bin == COUNT - 1 ? 1 : (bin - 0.5) / 100;
    }
}
