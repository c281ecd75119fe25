package cleave.loss;

import cleave.engine.Engine;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
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
            Engine engine,
            ImportanceMinimality term,
            double p,
            Tensor upper,
            @Nullable Tensor valid) {
        return engine.powers(power(term, p), upper, valid);
    }

    private static Engine.Power power(ImportanceMinimality term, double p) {
        return new Engine.Power(p, term.epsilon(), term.zeroIsFree());
    }

    /// `sum_c weights_c powers_c`; adds its gradient times `scale` (spec L4).
    ///
    /// @param gradient of the upper importances `[B, T, C]`
    public static double powers(
            Engine engine,
            ImportanceMinimality term,
            double p,
            Tensor upper,
            @Nullable Tensor valid,
            double[] weights,
            Tensor gradient,
            double scale) {
        return engine.powers(power(term, p), upper, valid, weights, gradient, scale);
    }

    /// The largest importance of each sequence at a valid position, `[B, C]`.
    public static Tensor eachPeak(Engine engine, Tensor importances, @Nullable Tensor valid) {
        return engine.peaks(importances, valid);
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
            Engine engine,
            Tensor upper,
            @Nullable Tensor valid,
            double[] weights,
            Tensor gradient,
            double scale) {
        return engine.peaks(upper, valid, weights, gradient, scale);
    }
}
