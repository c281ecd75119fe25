package cleave.analysis;

import cleave.analysis.Evaluation.Slice;
import cleave.model.Batch;
import cleave.model.Positions;
import cleave.model.Target;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import org.jspecify.annotations.Nullable;

/// How far attention moves when sites are masked: `sum_j p_j (log p_j - log q_j)`, p the target's
/// pattern, q the masked one, nats, mean over the queries a masked pass computes (spec A3).
///
/// @param layer counted from 0
/// @param importance under masks equal to the importances
/// @param stochastic under stochastic masks
/// @param queries how many queries the means are over
public record AttentionDivergence(int layer, double importance, double stochastic, long queries) {
    /// Smaller probabilities count as this one, so that one that underflows costs no infinity.
    private static final double SMALLEST = 0x1p-126;

    /// Adds up the divergence of one layer.
    static final class Sum {
        private final int layer;
        private double importance;
        private double stochastic;
        private double queries;

        Sum(int layer) {
            this.layer = layer;
        }

        void addImportance(Slice slice, Target.Forward pass) {
            importance += divergence(slice, pass);
            boolean everywhere = everywhere(Patterns.of(slice.clean(), pass, layer), slice);
            queries += everywhere ? slice.batch().positions() : slice.batch().losses().count();
        }

        void addStochastic(Slice slice, Target.Forward pass) {
            stochastic += divergence(slice, pass);
        }

        private static boolean everywhere(Tensor pattern, Slice slice) {
            return pattern.size(1) == slice.batch().length();
        }

        private double divergence(Slice slice, Target.Forward pass) {
            Batch batch = slice.batch();
            Tensor masked = Patterns.of(slice.clean(), pass, layer);
            Tensor clean = slice.clean().attention().get(layer);
            Tensor rows =
                    everywhere(masked, slice) || !everywhere(clean, slice)
                            ? clean
                            : Positions.select(clean, batch.losses().index()); // [B, Q, T]
            Tensor counted =
                    everywhere(masked, slice) ? batch.valid() : batch.losses().counted(); // [B, Q]
            return divergence(rows, masked, counted);
        }

        private static double divergence(Tensor p, Tensor q, @Nullable Tensor counted) {
            Tensor gap = logarithm(p).sub(logarithm(q));
            Tensor each = p.mul(gap).sum(-1); // [B, Q]
            Tensor real = counted == null ? each : each.masked_fill(counted.logical_not(), 0);
            return Tensors.number(real.sum());
        }

        private static Tensor logarithm(Tensor p) {
            return p.clamp_min(SMALLEST).log();
        }

        AttentionDivergence mean() {
            return new AttentionDivergence(
                    layer, importance / queries, stochastic / queries, (long) queries);
        }
    }
}
