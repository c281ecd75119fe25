package cleave.loss;

import cleave.config.Above;
import cleave.config.AtLeast;
import cleave.config.Default;
import cleave.schedule.Schedule;
import java.util.OptionalDouble;

/// How many subcomponents matter at a position (spec L4, L5): the sum over subcomponents of `(g +
/// epsilon)^p`, and with a frequency part each subcomponent's sum times the logarithm of how often
/// it matters in the batch.
///
/// Both are functions of one number a subcomponent that adds up over slices, `A = sum of (g +
/// epsilon)^p - z`: with the batch's totals known, the gradient is a weighted sum of those of A.
///
/// @param p the power; annealed by a schedule
/// @param epsilon added to the importance before the power
/// @param zeroIsFree whether an importance of zero costs exactly zero
/// @param positions whether positions are averaged or summed
/// @param frequency coefficient of the frequency term, within this term's coefficient
public record ImportanceMinimality(
        @AtLeast(0) Schedule coefficient,
        @Above(0) Schedule p,
        @AtLeast(0) @Default("1.0e-12") double epsilon,
        @Default("true") boolean zeroIsFree,
        @Default("mean") PositionReduction positions,
        @AtLeast(0) @Default("0.0") double frequency)
        implements LossTerm {

    /// How positions of a sequence are reduced.
    public enum PositionReduction {
        /// Mean over all valid positions of the batch.
        MEAN,
        /// Sum over positions, mean over sequences.
        SUM
    }

    @Override
    public String name() {
        return "importance_minimality";
    }

    /// Without the frequency part the weights of the totals are one number, whatever the batch.
    @Override
    public boolean couples() {
        return frequency != 0;
    }

    @Override
    public double[][] summary(ImportanceSlice slice) {
        double power = slice.now(p);
        return slice.numbers(site ->
                ImportanceLosses.powers(
                        slice.engine(), this, power, slice.upper().get(site), slice.valid()));
    }

    @Override
    public double apply(LossSlice slice, BatchSummary batch) {
        double power = slice.now(p);
        double divisor = divisor(batch.sizes());
        return slice.onImportances((site, upper, ofUpper) -> {
            double[] totals =
                    couples()
                            ? batch.values()[site]
                            : new double[Math.toIntExact(upper.size(2))]; // not looked at
            return ImportanceLosses.powers(
                    slice.engine(),
                    this,
                    power,
                    upper,
                    slice.valid(),
                    weights(totals, divisor),
                    ofUpper,
                    slice.coefficient());
        });
    }

    @Override
    public OptionalDouble value(BatchSummary batch) {
        if (!couples()) {
            return OptionalDouble.empty();
        }
        double value = 0;
        for (double[] totals : batch.values()) {
            value += value(totals, divisor(batch.sizes()));
        }
        return OptionalDouble.of(value);
    }

    /// The divisor K: valid positions, or sequences (spec L4).
    public double divisor(BatchSummary.Sizes sizes) {
        return switch (positions) {
            case MEAN -> sizes.positions();
            case SUM -> sizes.sequences();
        };
    }

    /// The value of one site from the batch's totals `[C]`.
    public double value(double[] totals, double divisor) {
        double sum = 0;
        for (double total : totals) {
            sum += total / divisor * (1 + frequency * log2(1 + total));
        }
        return sum;
    }

    /// The derivative of `value` with respect to each total.
    double[] weights(double[] totals, double divisor) {
        double[] weights = new double[totals.length];
        for (int c = 0; c < weights.length; c++) {
            double slope = log2(1 + totals[c]) + totals[c] / ((1 + totals[c]) * StrictMath.log(2));
            weights[c] = (1 + frequency * slope) / divisor;
        }
        return weights;
    }

    private static double log2(double x) {
        return StrictMath.log(x) / StrictMath.log(2);
    }
}
