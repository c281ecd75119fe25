package cleave.report;

import java.util.ArrayList;
import java.util.List;

/// Where an axis has labels.
final class Ticks {
    private static final int MOST = 6;

    private Ticks() {}

    /// Round numbers from at most `low` to at least `high`.
    static List<Double> linear(double low, double high) {
        double span = high > low ? high - low : Math.max(Math.abs(high), 1);
        double power = Math.pow(10, Math.floor(Math.log10(span / MOST)));
        double step = 10 * power;
        for (double factor : new double[] {1, 2, 5}) {
            if (factor * power * MOST >= span) {
                step = factor * power;
                break;
            }
        }
        List<Double> ticks = new ArrayList<>();
        long first = (long) Math.floor(low / step + 1e-9);
        for (long k = first; ticks.size() < 2 || (k - 1) * step < high * (1 - 1e-9); k++) {
            ticks.add(k * step);
        }
        return ticks;
    }

    /// Powers of ten around a positive range; fewer than all of them where it is wide.
    static List<Double> logarithmic(double low, double high) {
        int first = (int) Math.floor(Math.log10(low) + 1e-9);
        int last = Math.max(first + 1, (int) Math.ceil(Math.log10(high) - 1e-9));
        int stride = (last - first + MOST - 1) / MOST;
        List<Double> ticks = new ArrayList<>();
        for (int power = first; power < last + stride; power += stride) {
            ticks.add(Double.valueOf("1e" + power));
        }
        return ticks;
    }
}
