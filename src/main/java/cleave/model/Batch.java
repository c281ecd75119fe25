package cleave.model;

import cleave.tensor.Scopes;
import cleave.tensor.Shapes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Inputs of one forward pass.
///
/// @param stream name of the stream the sequences come from
/// @param firstExample global index of the first sequence; draws are keyed by it (spec R5)
/// @param inputs tokens `[B, T]` (64-bit integers) or features `[B, T, d]`
/// @param valid `[B, T]` booleans, false at padding; null when every position is valid
/// @param losses the positions at which outputs are compared
public record Batch(
        String stream,
        long firstExample,
        Tensor inputs,
        @Nullable Tensor valid,
        LossPositions losses) {

    /// Loss positions of each row.
    ///
    /// @param index `[B, P]` positions
    /// @param counted `[B, P]` booleans, false where a row has fewer than P; null when all count
    public record LossPositions(Tensor index, @Nullable Tensor counted) {

        /// The last valid position of each row; a row without one does not count.
        public static LossPositions last(long rows, long length, @Nullable Tensor valid) {
            long[] last = new long[(int) rows];
            if (valid == null) {
                Arrays.fill(last, length - 1);
                return new LossPositions(Tensors.of(last, rows, 1), null);
            }
            boolean[] counted = new boolean[(int) rows];
            long[] flags = Tensors.toLongs(valid);
            for (int i = 0; i < flags.length; i++) {
                if (flags[i] != 0) {
                    last[i / (int) length] = i % length;
                    counted[i / (int) length] = true;
                }
            }
            boolean all = IntStream.range(0, counted.length).allMatch(row -> counted[row]);
            return new LossPositions(
                    Tensors.of(last, rows, 1), all ? null : Tensors.of(counted, rows, 1));
        }

        /// How many loss positions count.
        public double count() {
            return counted == null
                    ? index.numel()
                    : Scopes.run(() -> Tensors.number(counted.sum()));
        }
    }

    /// Checks that the parts fit together.
    public Batch {
        Shapes shapes = Shapes.check("batch of stream " + stream);
        shapes.tensor("inputs", inputs, inputs.ndimension() == 2 ? "B T" : "B T d");
        if (valid != null) {
            shapes.tensor("valid", valid, "B T");
        }
        shapes.tensor("loss positions", losses.index(), "B P");
        if (losses.counted() != null) {
            shapes.tensor("counted loss positions", losses.counted(), "B P");
        }
    }

    /// The number of sequences B.
    public long rows() {
        return inputs.size(0);
    }

    /// The number of positions T.
    public long length() {
        return inputs.size(1);
    }

    /// The number of valid positions M.
    public double positions() {
        return valid == null
                ? (double) rows() * length()
                : Scopes.run(() -> Tensors.number(valid.sum()));
    }

    /// Whole sequences `from .. from + count - 1` as a batch of their own, sharing memory.
    public Batch rows(long from, long count) {
        return new Batch(
                stream,
                firstExample + from,
                inputs.narrow(0, from, count),
                valid == null ? null : valid.narrow(0, from, count),
                new LossPositions(
                        losses.index().narrow(0, from, count),
                        losses.counted() == null ? null : losses.counted().narrow(0, from, count)));
    }
}
