package cleave.model;

import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import org.jspecify.annotations.Nullable;

/// Keeps queries from seeing later positions and padding.
final class CausalMask implements AutoCloseable {
    /// What is added to the score of a key that a query may not see; finite, so that a padded query
    /// cannot turn into NaN, and so large that nothing is left of the score.
    private static final double HIDDEN = -1e30;

    private final Tensor
            future; // [length, length], HIDDEN where a key lies after its query, else 0

    /// A mask of sequences up to `length`.
    CausalMask(int length, Type type) {
        float[] after = new float[Math.multiplyExact(length, length)];
        for (int i = 0; i < after.length; i++) {
            after[i] = i % length > i / length ? (float) HIDDEN : 0;
        }
        future = Scopes.own(Tensors.of(after, type, length, length));
    }

    /// What is added to scores: 0, but `HIDDEN` where a query may not look, at later positions and
    /// padding. `[T, T]` or `[B, Q, T]`.
    ///
    /// @param queries `[B, Q]` the positions of the queries; null when they are all T
    Tensor hidden(Batch batch, @Nullable Tensor queries) {
        long length = batch.length();
        Tensor later = future.narrow(0, 0, length).narrow(1, 0, length); // [T, T]
        Tensor hidden = queries == null ? later : Positions.rows(later, queries); // [B, Q, T]
        Tensor valid = batch.valid();
        return valid == null
                ? hidden
                : hidden.masked_fill(valid.logical_not().unsqueeze(1), HIDDEN);
    }

    @Override
    public void close() {
        Scopes.release(future);
    }
}
