package cleave.model;

import cleave.tensor.Draws;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.TreeMap;

/// Sequences of uniform tokens, compared at every position; the label of a position is the token
/// that follows it. There is nothing to learn from them: they are for measuring, and for models
/// that come without text.
///
/// @param stream name of the stream
/// @param tokens size of the vocabulary
/// @param length sequence length T
public record RandomTokens(String stream, int tokens, int length) implements Task {

    /// Checks the sizes.
    public RandomTokens {
        if (tokens < 1 || length < 1) {
            throw new IllegalArgumentException(
                    "tokens and length must be >= 1, got %d, %d".formatted(tokens, length));
        }
    }

    @Override
    public List<String> marks() {
        return List.of();
    }

    @Override
    public Examples examples(long seed, Draws.Purpose purpose, long first, int rows) {
        long[] inputs = new long[rows * length];
        long[] labels = new long[rows * length];
        long[] positions = new long[rows * length];
        Draws.Key stream = Draws.key(seed, purpose).with(stream());
        for (int row = 0; row < rows; row++) {
            Draws.Key key = stream.with(first + row);
            for (int t = 0; t < length; t++) {
                int at = row * length + t;
                inputs[at] = key.below(tokens, t);
                labels[at] = key.below(tokens, t + 1L);
                positions[at] = t;
            }
        }
        Batch.LossPositions everywhere =
                new Batch.LossPositions(Tensors.of(positions, rows, length), null);
        return new Examples(
                new Batch(stream(), first, Tensors.of(inputs, rows, length), null, everywhere),
                Tensors.of(labels, rows, length),
                new TreeMap<>());
    }
}
