package cleave.testing;

import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Task;
import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Random tokens in sequences of different lengths, padded at the right, with two loss positions a
/// row of which the second does not count in every row.
///
/// @param stream name of the stream
/// @param tokens how many different ones there are
/// @param length sequence length T, at least 4
/// @param padded whether sequences are of different lengths; else all are full and all loss
///   positions count
public record PaddedTask(String stream, int tokens, int length, boolean padded) implements Task {

    @Override
    public List<String> marks() {
        return List.of();
    }

    @Override
    public Examples examples(long seed, Draws.Purpose purpose, long first, int rows) {
        long[] inputs = new long[rows * length];
        boolean[] valid = new boolean[rows * length];
        long[] positions = new long[rows * 2];
        boolean[] counted = new boolean[rows * 2];
        long[] labels = new long[rows * 2];
        for (int row = 0; row < rows; row++) {
            Draws.Key key = Draws.key(seed, purpose).with(stream).with(first + row);
            int used = padded ? length - key.below(3, length) : length;
            for (int t = 0; t < used; t++) {
                inputs[row * length + t] = key.below(tokens, t);
                valid[row * length + t] = true;
            }
            for (int i = 0; i < 2; i++) {
                positions[row * 2 + i] = used - 1L - i;
                counted[row * 2 + i] = i == 0 || used == length;
                labels[row * 2 + i] = key.below(tokens, length + 1L + i);
            }
        }
        return new Examples(
                new Batch(
                        stream,
                        first,
                        Tensors.of(inputs, rows, length),
                        optional(valid, rows, length),
                        new LossPositions(
                                Tensors.of(positions, rows, 2), optional(counted, rows, 2))),
                Tensors.of(labels, rows, 2),
                new TreeMap<>());
    }

    private @Nullable Tensor optional(boolean[] flags, int rows, int columns) {
        return padded ? Tensors.of(flags, rows, columns) : null;
    }
}
