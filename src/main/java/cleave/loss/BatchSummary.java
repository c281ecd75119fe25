package cleave.loss;

import cleave.model.Batch;
import java.util.Arrays;

/// What a term knows of a whole batch before it takes a gradient.
///
/// @param values the merged summaries `[site][c]`; empty where the term does not couple
/// @param sizes of the batch
public record BatchSummary(double[][] values, Sizes sizes) {

    /// How large a batch is.
    ///
    /// @param sequences B
    /// @param positions M, the valid positions
    /// @param lossPositions N
    public record Sizes(double sequences, double positions, double lossPositions) {
        /// The sizes of a whole batch.
        public static Sizes of(Batch batch) {
            return new Sizes(batch.rows(), batch.positions(), batch.losses().count());
        }
    }

    /// How used each subcomponent of a site is in the batch `[C]`, of a summary by largest
    /// importances: that importance, at most 1.
    public double[] used(int site) {
        return Arrays.stream(values[site]).map(largest -> Math.min(1, largest)).toArray();
    }

    /// How unused each subcomponent of a site is in the batch `[C]`: 1 less how used it is.
    public double[] unused(int site) {
        return Arrays.stream(used(site)).map(used -> 1 - used).toArray();
    }
}
