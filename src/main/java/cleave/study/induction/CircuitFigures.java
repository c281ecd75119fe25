package cleave.study.induction;

import cleave.analysis.Evaluation.Slice;
import cleave.analysis.Patterns;
import cleave.analysis.Tally;
import cleave.model.Batch;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Arrays;
import java.util.List;

/// What the two-step circuit does in one condition.
///
/// @param toS1 mean attention of layer 0 from s1 + k to s1, k = 0, 1, ...; k = 1 is m
/// @param s2ToM mean attention of layer 1 from s2 to m
/// @param accuracy of the task
/// @param kl of the outputs from the target's, nats per loss position
public record CircuitFigures(List<Double> toS1, double s2ToM, double accuracy, double kl) {
    /// How many positions from s1 on are looked at.
    static final int OFFSETS = 6;

    /// Mean attention of layer 0 from m to s1.
    public double mToS1() {
        return toS1.get(1);
    }

    /// Adds up the figures of one condition.
    static final class Sum {
        private final double[] toS1 = new double[OFFSETS];
        private final long[] counted = new long[OFFSETS];
        private double s2ToM;
        private long sequences;
        private final Tally outputs = new Tally();

        /// One slice.
        ///
        /// @param first pattern of layer 0 `[B, T, T]`
        /// @param second pattern of layer 1 `[B, Q, T]`
        void add(Slice slice, Tensor slicesOutputs, Tensor first, Tensor second) {
            Batch batch = slice.batch();
            Tensor s1 = Tensors.named("s1", slice.examples().marks()); // [B]
            Tensor m = Tensors.named("m", slice.examples().marks());
            Tensor s2 = Tensors.named("s2", slice.examples().marks());
            for (int k = 0; k < OFFSETS; k++) {
                Tensor query = s1.add(k);
                Tensor before = query.lt(s2); // [B]
                Tensor inside = query.clamp_max(batch.length() - 1);
                Tensor attention = Patterns.between(first, batch, inside, s1);
                toS1[k] += Tensors.number(attention.masked_fill(before.logical_not(), 0).sum());
                counted[k] += (long) Tensors.number(before.sum());
            }
            s2ToM += Tensors.number(Patterns.between(second, batch, s2, m).sum());
            sequences += batch.rows();
            outputs.add(slice, slicesOutputs);
        }

        CircuitFigures figures() {
            double[] means = toS1.clone();
            Arrays.setAll(means, k -> toS1[k] / counted[k]);
            return new CircuitFigures(
                    Arrays.stream(means).boxed().toList(),
                    s2ToM / sequences,
                    outputs.accuracy(),
                    outputs.kl());
        }

        /// In how many sequences s1 + k lies before s2, by k.
        List<Long> counted() {
            return Arrays.stream(counted).boxed().toList();
        }
    }
}
