package cleave.loss;

import cleave.config.Above;
import cleave.config.AtLeast;
import cleave.config.Default;
import cleave.config.Range;
import cleave.schedule.Schedule;
import java.util.OptionalDouble;

/// How many different subcomponents are used at all (spec L6): concave in each one's share of
/// sequences, `f = mean over sequences of the largest upper importance`.
public record Usage(
        @AtLeast(0) Schedule coefficient,
        @Range(min = 0.01, max = 1) double exponent,
        @Above(0) @Default("1.0e-5") double offset)
        implements LossTerm {

    @Override
    public String name() {
        return "usage";
    }

    @Override
    public boolean couples() {
        return true;
    }

    @Override
    public double[][] summary(ImportanceSlice slice) {
        return slice.numbers(site -> ImportanceLosses.peaks(slice.eachPeak(site)));
    }

    @Override
    public double apply(LossSlice slice, BatchSummary batch) {
        return slice.onImportances((site, upper, ofUpper) ->
                ImportanceLosses.peaks(
                        slice.engine(),
                        upper,
                        slice.valid(),
                        weights(batch.values()[site], batch.sizes().sequences()),
                        ofUpper,
                        slice.coefficient()));
    }

    @Override
    public OptionalDouble value(BatchSummary batch) {
        double value = 0;
        for (double[] totals : batch.values()) {
            value += value(totals, batch.sizes().sequences());
        }
        return OptionalDouble.of(value);
    }

    /// The value of one site from the batch's totals of largest importances `[C]`.
    public double value(double[] totals, double sequences) {
        double sum = 0;
        double nothing = StrictMath.pow(offset, exponent);
        for (double total : totals) {
            sum += StrictMath.pow(total / sequences + offset, exponent) - nothing;
        }
        return sum;
    }

    /// The derivative of `value` with respect to each total.
    double[] weights(double[] totals, double sequences) {
        double[] weights = new double[totals.length];
        for (int c = 0; c < weights.length; c++) {
            weights[c] =
                    exponent
                            * StrictMath.pow(totals[c] / sequences + offset, exponent - 1)
                            / sequences;
        }
        return weights;
    }
}
