package cleave.harvest;

import java.util.function.IntToDoubleFunction;
import org.jspecify.annotations.Nullable;

/// Quantiles of numbers that were counted in bins.
///
/// @param q05 a twentieth is at most this
/// @param q25 a quarter is at most this
/// @param q50 half is at most this
/// @param q75 three quarters are at most this
/// @param q95 nineteen twentieths are at most this
public record Quantiles(double q05, double q25, double q50, double q75, double q95) {

    /// Those of a stretch of bins; null where nothing was counted.
    ///
    /// @param counts of all bins, ascending by value
    /// @param from the first bin that counts
    /// @param to the bin after the last
    /// @param value what stands for the values of a bin, counted from `from`
    static @Nullable Quantiles of(long[] counts, int from, int to, IntToDoubleFunction value) {
        long all = 0;
        for (int bin = from; bin < to; bin++) {
            all += counts[bin];
        }
        if (all == 0) {
            return null;
        }
        double[] shares = {0.05, 0.25, 0.5, 0.75, 0.95};
        double[] found = new double[shares.length];
        long passed = 0;
        int next = 0;
        for (int bin = from; bin < to && next < shares.length; bin++) {
            passed += counts[bin];
            while (next < shares.length && passed >= Math.max(1, Math.ceil(shares[next] * all))) {
                found[next++] = value.applyAsDouble(bin - from);
            }
        }
        return new Quantiles(found[0], found[1], found[2], found[3], found[4]);
    }
}
