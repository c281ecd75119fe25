package cleave.loss;

import cleave.kernel.Kernels;
import cleave.kernel.Powers;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
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
            Tensor base = upper.add(term.epsilon());
            return total(costs(term, p, upper, base, power(term, base, p - 1)), valid);
        });
    }

    /// `sum_c weights_c powers_c`; adds its gradient times `scale` (spec L4).
    ///
    /// @param gradient of the upper importances `[B, T, C]`
    public static double powers(
            ImportanceMinimality term,
            double p,
            Tensor upper,
            @Nullable Tensor valid,
            double[] weights,
            Tensor gradient,
            double scale) {
        if (valid == null && term.epsilon() > Float.MIN_NORMAL && inKernel(upper)) {
            double free = term.zeroIsFree() ? Math.pow(term.epsilon(), p) : 0;
            return ImportanceKernel.powers(
                    upper, p, term.epsilon(), free, weights, gradient, scale);
        }
        Tensor base = upper.add(term.epsilon());
        Tensor power = power(term, base, p - 1);
        Tensor totals = total(costs(term, p, upper, base, power), valid);
        Tensor slopes = counted(power.mul_(p), valid);
        return weighted(totals, row(weights, upper), slopes, gradient, scale);
    }

    private static double weighted(
            Tensor totals, Tensor weights, Tensor slopes, Tensor gradient, double scale) {
        gradient.add_(slopes.mul_(weights), scale);
        return Tensors.number(totals.mul(weights).sum());
    }

    /// The kernel wants numbers above 0, which importances alone are not.
    private static Tensor power(ImportanceMinimality term, Tensor base, double exponent) {
        return term.epsilon() > Float.MIN_NORMAL ? Powers.of(base, exponent) : base.pow(exponent);
    }

    /// `(g + epsilon)^p - z`, exactly 0 for a zero importance that is free.
    private static Tensor costs(
            ImportanceMinimality term, double p, Tensor upper, Tensor base, Tensor power) {
        Tensor costs = base.mul(power);
        if (!term.zeroIsFree()) {
            return costs;
        }
        return costs.sub_(Math.pow(term.epsilon(), p)).masked_fill_(upper.le(0), 0);
    }

    private static Tensor total(Tensor numbers, @Nullable Tensor valid) {
        return counted(numbers, valid).sum(0, 1);
    }

    /// The numbers `[B, T, C]` with zeros at positions that are not valid.
    private static Tensor counted(Tensor numbers, @Nullable Tensor valid) {
        return valid == null ? numbers : numbers.masked_fill(valid.logical_not().unsqueeze(2), 0);
    }

    private static Tensor row(double[] weights, Tensor like) {
        return Tensors.of(weights, Tensors.type(like), weights.length);
    }

    /// Asked before the kernel is, which cannot be loaded where the vector module is missing.
    private static boolean inKernel(Tensor importances) {
        return Kernels.read(importances) && ImportanceKernel.fits(importances);
    }

    /// The largest importance of each sequence at a valid position, `[B, C]`.
    public static Tensor eachPeak(Tensor importances, @Nullable Tensor valid) {
        if (valid == null && inKernel(importances)) {
            return Tensors.of(
                    ImportanceKernel.peaks(importances),
                    Type.FLOAT,
                    importances.size(0),
                    importances.size(2));
        }
        return Scopes.keep(() -> counted(importances, valid).amax(1));
    }

    /// The sum over sequences of `eachPeak`, `[C]`.
    public static Tensor peaks(Tensor eachPeak) {
        return Scopes.keep(() -> eachPeak.sum(0));
    }

    /// The largest of `eachPeak`, `[C]`.
    public static Tensor largest(Tensor eachPeak) {
        return Scopes.keep(() -> eachPeak.amax(0));
    }

    /// `sum_c weights_c peaks_c`; adds its gradient times `scale`, which positions that share a
    /// peak share evenly (spec L6).
    ///
    /// @param gradient of the upper importances `[B, T, C]`
    public static double peaks(
            Tensor upper, @Nullable Tensor valid, double[] weights, Tensor gradient, double scale) {
        if (valid == null && inKernel(upper)) {
            return ImportanceKernel.peaks(upper, weights, gradient, scale);
        }
        Tensor seen = counted(upper, valid);
        Tensor peaks = seen.amax(new long[] {1}, true); // [B, 1, C]
        Tensor at = counted(seen.eq(peaks).to(Tensors.type(upper)), valid); // [B, T, C]
        Tensor shared = at.sum(new long[] {1}, true); // [B, 1, C]
        Tensor totals = peaks.sum(0, 1);
        Tensor slopes = at.div_(shared.clamp_min(1));
        return weighted(totals, row(weights, upper), slopes, gradient, scale);
    }
}
