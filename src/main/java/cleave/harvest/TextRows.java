package cleave.harvest;

import org.jspecify.annotations.Nullable;

/// Sequences of tokens in their order, a slice at a time. What slice a sequence lies in does not
/// depend on who asks.
interface TextRows {

    /// Sequences of one length.
    ///
    /// @param index of the slice, from 0
    /// @param firstRow number of its first sequence, from 0
    /// @param tokens `[rows][T]`
    /// @param used how many of each sequence are tokens, the rest padding
    record Rows(long index, long firstRow, int[][] tokens, int[] used) {
        /// How many tokens there are.
        long count() {
            long count = 0;
            for (int each : used) {
                count += each;
            }
            return count;
        }
    }

    /// The next slice; null after the last.
    @Nullable Rows next();
}
