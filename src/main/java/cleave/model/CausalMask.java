package cleave.model;

import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/// Keeps queries from seeing later positions and padding, and in layers of local attention those
/// that lie too far back.
final class CausalMask implements AutoCloseable {
    /// The window of a layer that sees all earlier positions.
    static final int ALL = Integer.MAX_VALUE;

    /// What is added to the score of a key that a query may not see; finite, so that a padded query
    /// cannot turn into NaN, and so large that nothing is left of the score.
    private static final double HIDDEN = -1e30;

    private final int length;
    private final Type type;

    /// By window: `[T, T]`, HIDDEN where a query does not see a key, else 0.
    private final Map<Integer, Growing> tables = new ConcurrentHashMap<>();

    /// A mask of sequences up to `length`.
    CausalMask(int length, Type type) {
        this.length = length;
        this.type = type;
    }

    private Tensor table(int length, int window) {
        float[] hidden = new float[Math.multiplyExact(length, length)];
        for (int i = 0; i < hidden.length; i++) {
            int back = i / length - i % length; // how far the key lies before the query
            hidden[i] = back < 0 || back >= window ? (float) HIDDEN : 0;
        }
        return Tensors.of(hidden, type, length, length);
    }

    /// What is added to scores: 0, but `HIDDEN` where a query may not look, at later positions and
    /// padding. `[T, T]` or `[B, Q, T]`.
    ///
    /// @param queries `[B, Q]` the positions of the queries; null when they are all T
    /// @param window how many positions a query sees, itself and those right before it; `ALL`
    Tensor hidden(Batch batch, @Nullable Tensor queries, int window) {
        long asked = batch.length();
        Tensor unseen =
                tables.computeIfAbsent(
                                window, _ -> new Growing(length, size -> table(size, window)))
                        .atLeast(asked)
                        .narrow(0, 0, asked)
                        .narrow(1, 0, asked); // [T, T]
        Tensor hidden = queries == null ? unseen : Positions.rows(unseen, queries); // [B, Q, T]
        Tensor valid = batch.valid();
        return valid == null
                ? hidden
                : hidden.masked_fill(valid.logical_not().unsqueeze(1), HIDDEN);
    }

    @Override
    public void close() {
        tables.values().forEach(Growing::close);
    }
}
