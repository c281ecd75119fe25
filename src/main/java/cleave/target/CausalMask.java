package cleave.target;

import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/// Keeps queries from seeing later positions and padding.
final class CausalMask implements AutoCloseable {
    /// The score of a key that a query may not see; finite, so that a padded query cannot turn into
    /// NaN.
    private static final double MASKED = -1e30;

    private final Tensor future; // [length, length], true where a key lies after its query

    /// A mask of sequences up to `length`.
    CausalMask(int length) {
        boolean[] after = new boolean[Math.multiplyExact(length, length)];
        for (int i = 0; i < after.length; i++) {
            after[i] = i % length > i / length;
        }
        future = Scopes.own(Tensors.of(after, length, length));
    }

    /// True where a query may not look: later positions and padding. `[T, T]` or `[B, Q, T]`.
    ///
    /// @param queries `[B, Q]` the positions of the queries; null when they are all T
    Tensor hidden(Batch batch, @Nullable Tensor queries) {
        long length = batch.length();
        Tensor later = future.narrow(0, 0, length).narrow(1, 0, length); // [T, T]
        Tensor hidden = queries == null ? later : Positions.rows(later, queries); // [B, Q, T]
        Tensor valid = batch.valid();
        return valid == null ? hidden : hidden.logical_or(valid.logical_not().unsqueeze(1));
    }

    /// The attention pattern of scores: softmax over the keys that are not hidden.
    static Tensor pattern(Tensor scores, Tensor hidden) {
        return Tensors.softmax(scores.masked_fill(hidden, new Scalar(MASKED)));
    }

    @Override
    public void close() {
        Scopes.release(future);
    }
}
