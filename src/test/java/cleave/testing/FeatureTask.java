package cleave.testing;

import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Task;
import cleave.tensor.Draws;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.List;
import java.util.TreeMap;

/// Normal features `[B, 1, d]` in float64.
///
/// @param width d
public record FeatureTask(int width) implements Task {
    @Override
    public String stream() {
        return "features";
    }

    @Override
    public List<String> marks() {
        return List.of();
    }

    @Override
    public Examples examples(long seed, Draws.Purpose purpose, long first, int rows) {
        double[] values = new double[rows * width];
        for (int row = 0; row < rows; row++) {
            Draws.Key key = Draws.key(seed, purpose).with(stream()).with(first + row);
            System.arraycopy(key.normals(width), 0, values, row * width, width);
        }
        return new Examples(
                new Batch(
                        stream(),
                        first,
                        Tensors.of(values, Type.DOUBLE, rows, 1, width),
                        null,
                        LossPositions.last(rows, 1, null)),
                Tensors.of(new long[rows], rows, 1),
                new TreeMap<>());
    }
}
