package cleave.harvest;

/// How often each two of some things occur together: a triangle of counts.
final class Togetherness {
    /// For more things than these the triangle is not kept, since it would take over 128 MiB.
    static final int MOST = 8192;

    private final int[] counts; // of first > second at first (first - 1) / 2 + second

    /// Counts of things from 0.
    Togetherness(int things) {
        counts = new int[things > MOST ? 0 : (int) ((long) things * (things - 1) / 2)];
    }

    /// Whether pairs are counted.
    boolean isKept() {
        return counts.length > 0;
    }

    /// Counts all pairs of things that occur together.
    ///
    /// @param things ascending; the first `count` of them
    void add(int[] things, int count) {
        if (!isKept()) {
            return;
        }
        for (int i = 1; i < count; i++) {
            int row = place(things[i], 0);
            for (int j = 0; j < i; j++) {
                counts[row + things[j]]++;
            }
        }
    }

    /// How often two different things occurred together.
    int of(int first, int second) {
        return isKept() ? counts[place(Math.max(first, second), Math.min(first, second))] : 0;
    }

    private static int place(int first, int second) {
        return (int) ((long) first * (first - 1) / 2) + second;
    }

    /// Adds counts that were taken from `numbers`.
    void add(long[] other) {
        for (int i = 0; i < counts.length; i++) {
            counts[i] = Math.addExact(counts[i], Math.toIntExact(other[i]));
        }
    }

    /// The counts.
    long[] numbers() {
        long[] numbers = new long[counts.length];
        for (int i = 0; i < counts.length; i++) {
            numbers[i] = counts[i];
        }
        return numbers;
    }
}
