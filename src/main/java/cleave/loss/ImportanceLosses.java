package cleave.loss;

import cleave.loss.LossTerm.ImportanceMinimality;
import cleave.loss.LossTerm.PositionReduction;
import cleave.loss.LossTerm.Usage;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/// Terms on the upper importances: minimality, frequency and usage (spec L4 to L6).
///
/// Each is a function of one number per subcomponent that adds up over slices of a batch: `powers`
/// for minimality and frequency, `peaks` for usage. So the gradient of a term is a weighted sum of
/// these numbers once their totals over the batch are known.
public final class ImportanceLosses {
    private ImportanceLosses() {}

    /// `sum over valid positions of (g + epsilon)^p - z` of each subcomponent, `[C]`.
    ///
    /// @param upper `[B, T, C]`
    /// @param p the power at this step
    /// @param valid `[B, T]`; null when all positions are valid
    public static Tensor powers(
            ImportanceMinimality term, double p, Tensor upper, @Nullable Tensor valid) {
        return Scopes.keep(() -> {
            Tensor powers = upper.add(new Scalar(term.epsilon())).pow(new Scalar(p));
            if (term.zeroIsFree()) {
                powers = powers.sub(zeroCost(term.epsilon(), p, upper, powers.detach()));
            }
            if (valid != null) {
                powers = powers.masked_fill(valid.logical_not().unsqueeze(2), new Scalar(0));
            }
            return powers.sum(new long[] {0, 1}, false, new ScalarTypeOptional());
        });
    }

    /// What a zero importance adds. Where the importance is zero it is taken from `powers` itself:
    /// libtorch's power differs in the last bit between vector lanes and the numbers left over, and
    /// the difference must be exactly zero there.
    private static Tensor zeroCost(double epsilon, double p, Tensor upper, Tensor powers) {
        Tensor cost = powers.new_full(new long[0], new Scalar(Math.pow(epsilon, p)));
        return torch.where(upper.gt(new Scalar(0)), cost, powers);
    }

    /// The divisor K: valid positions, or sequences (spec L4).
    public static double divisor(PositionReduction reduction, double positions, double sequences) {
        return switch (reduction) {
            case MEAN -> positions;
            case SUM -> sequences;
        };
    }

    /// The value of minimality with its frequency part, from the batch totals of `powers` `[C]`.
    public static double minimality(ImportanceMinimality term, double[] totals, double divisor) {
        double sum = 0;
        for (double total : totals) {
            sum += total / divisor * (1 + term.frequency() * log2(1 + total));
        }
        return sum;
    }

    /// The derivative of `minimality` with respect to each total.
    public static double[] minimalityWeights(
            ImportanceMinimality term, double[] totals, double divisor) {
        double[] weights = new double[totals.length];
        for (int c = 0; c < weights.length; c++) {
            double slope = log2(1 + totals[c]) + totals[c] / ((1 + totals[c]) * Math.log(2));
            weights[c] = (1 + term.frequency() * slope) / divisor;
        }
        return weights;
    }

    /// The sum over sequences of the largest upper importance at a valid position, `[C]`.
    public static Tensor peaks(Tensor upper, @Nullable Tensor valid) {
        return Scopes.keep(() -> {
            Tensor seen =
                    valid == null
                            ? upper
                            : upper.masked_fill(valid.logical_not().unsqueeze(2), new Scalar(0));
            return seen.amax(new long[] {1}, false)
                    .sum(new long[] {0}, false, new ScalarTypeOptional());
        });
    }

    /// The value of usage, from the batch totals of `peaks` `[C]`.
    public static double usage(Usage term, double[] totals, double sequences) {
        double sum = 0;
        double nothing = Math.pow(term.offset(), term.exponent());
        for (double total : totals) {
            sum += Math.pow(total / sequences + term.offset(), term.exponent()) - nothing;
        }
        return sum;
    }

    /// The derivative of `usage` with respect to each total.
    public static double[] usageWeights(Usage term, double[] totals, double sequences) {
        double[] weights = new double[totals.length];
        for (int c = 0; c < weights.length; c++) {
            weights[c] =
                    term.exponent()
                            * Math.pow(totals[c] / sequences + term.offset(), term.exponent() - 1)
                            / sequences;
        }
        return weights;
    }

    /// `sum_c weights_c totals_c`, a scalar with the gradient of `totals` `[C]`.
    public static Tensor weighted(Tensor totals, double[] weights) {
        return Scopes.keep(
                () -> totals.mul(Tensors.of(weights, Tensors.type(totals), weights.length)).sum());
    }

    private static double log2(double x) {
        return Math.log(x) / Math.log(2);
    }
}
