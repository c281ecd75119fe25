package cleave.testing;

import cleave.model.Batch;
import cleave.model.Task;
import cleave.tensor.Draws;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.TreeMap;
import java.util.function.LongFunction;

/// A task that gives batches made elsewhere.
///
/// @param stream name of the stream
/// @param at the batch that starts with a given example
public record GivenTask(String stream, LongFunction<Batch> at) implements Task {

    @Override
    public Examples examples(long seed, Draws.Purpose purpose, long first, int rows) {
        Batch batch = at.apply(first);
        if (batch.firstExample() != first || batch.rows() != rows) {
            throw new IllegalArgumentException(
                    "batch must be %d examples from %d, got %d from %d"
                            .formatted(rows, first, batch.rows(), batch.firstExample()));
        }
        return new Examples(batch, Tensors.of(new long[rows], rows, 1), new TreeMap<>());
    }

    @Override
    public List<String> marks() {
        return List.of();
    }
}
