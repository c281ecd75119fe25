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

    /// Whole round numbers between `low` and `high`.
    static List<Double> whole(double low, double high) {
        return linear(low, high).stream()
                .filter(tick -> tick >= low && tick <= high && tick == Math.rint(tick))
                .toList();
    }

    /// Powers of ten from at most `low` to at least `high`.
    static List<Double> logarithmic(double low, double high) {
        int first = (int) Math.floor(Math.log10(low) + 1e-9);
        int last = Math.max(first + 1, (int) Math.ceil(Math.log10(high) - 1e-9));
        List<Double> ticks = new ArrayList<>();
        for (int power = first; power <= last; power++) {
            ticks.add(Double.valueOf("1e" + power));
        }
        return ticks;
    }

    /// Some of these, at most seven, where they would crowd.
    static List<Double> labelled(List<Double> ticks) {
        int stride = (ticks.size() + MOST) / (MOST + 1);
        List<Double> labelled = new ArrayList<>();
        for (int i = 0; i < ticks.size(); i += stride) {
            labelled.add(ticks.get(i));
        }
        return labelled;
    }
}
