package cleave.model;

import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.List;

/// Independent features of which few are active at a time, `[B, 1, features]` (SPD's toys; spec
/// B1).
///
/// A feature is active with probability `probability`; its value is then uniform in `[low, 1)`,
/// else 0.
///
/// @param stream name of the stream
/// @param features how many
/// @param low smallest value of an active feature
/// @param probability that a feature is active
/// @param answer the right output
public record SparseFeatures(
        String stream, int features, double low, double probability, Answer answer)
        implements Task {

    /// The right output for a feature's value x.
    public enum Answer {
        /// `|x|`.
        SIZE,
        /// `x + ReLU(x)`.
        PLUS_RELU;

        /// The answer to one value.
        double of(double x) {
            return switch (this) {
                case SIZE -> Math.abs(x);
                case PLUS_RELU -> x + Math.max(0, x);
            };
        }
    }

    /// The magnitude at which features are probed one at a time.
    public static final double PROBE = 0.75;

    @Override
    public List<String> marks() {
        return List.of();
    }

    @Override
    public Examples examples(long seed, Draws.Purpose purpose, long first, int rows) {
        float[] values = new float[rows * features];
        float[] u = new float[2 * features];
        Draws.Key key = Draws.key(seed, purpose).with(stream());
        for (int row = 0; row < rows; row++) {
            key.with(first + row).uniforms(u, 0, u.length);
            for (int i = 0; i < features; i++) {
                values[row * features + i] =
                        u[2 * i + 1] < probability ? (float) (low + (1 - low) * u[2 * i]) : 0;
            }
        }
        return examples(first, values, rows);
    }

    /// One example for each feature, which alone is active, with value `PROBE`.
    public Examples probes() {
        float[] values = new float[features * features];
        for (int i = 0; i < features; i++) {
            values[i * features + i] = (float) PROBE;
        }
        return examples(0, values, features);
    }

    private Examples examples(long first, float[] values, int rows) {
        float[] answers = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            answers[i] = (float) answer.of(values[i]);
        }
        return Examples.whole(stream(), first, tensor(values, rows), tensor(answers, rows));
    }

    private Tensor tensor(float[] values, int rows) {
        return Tensors.of(values, Type.FLOAT, rows, 1, features);
    }
}
