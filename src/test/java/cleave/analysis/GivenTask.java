package cleave.analysis;

import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Task;
import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.TreeMap;

/// A task of given sequences, all equally long; negative tokens are padding. The mark `first` is
/// position 0, `last` the last one, padding or not.
public record GivenTask(long[][] tokens, long[] labels) implements Task {
    static final long PADDING = -1;

    @Override
    public String stream() {
        return "given";
    }

    @Override
    public List<String> marks() {
        return List.of("last", "first");
    }

    @Override
    public Examples examples(long seed, Draws.Purpose purpose, long first, int rows) {
        int length = tokens[0].length;
        long[] inputs = new long[rows * length];
        boolean[] valid = new boolean[rows * length];
        long[] answers = new long[rows];
        long[] last = new long[rows];
        boolean padded = false;
        for (int row = 0; row < rows; row++) {
            for (int t = 0; t < length; t++) {
                long token = tokens[(int) first + row][t];
                inputs[row * length + t] = token == PADDING ? 7 : token;
                valid[row * length + t] = token != PADDING;
                padded |= token == PADDING;
            }
            answers[row] = labels[(int) first + row];
            last[row] = length - 1L;
        }
        Tensor flags = padded ? Tensors.of(valid, rows, length) : null;
        TreeMap<String, Tensor> marks = new TreeMap<>();
        marks.put("first", Tensors.of(new long[rows], rows));
        marks.put("last", Tensors.of(last, rows));
        return new Examples(
                new Batch(
                        stream(),
                        first,
                        Tensors.of(inputs, rows, length),
                        flags,
                        LossPositions.last(rows, length, flags)),
                Tensors.of(answers, rows, 1),
                marks);
    }
}
