package cleave.bench;

import java.util.Collection;
import java.util.List;

/// Where the middle and the quarters of some times lie, in milliseconds.
///
/// @param median half are below
/// @param lowerQuartile a quarter is below
/// @param upperQuartile a quarter is above
/// @param count how many times there are
public record Spread(double median, double lowerQuartile, double upperQuartile, int count) {

    /// Of at least one number.
    static Spread of(Collection<Double> numbers) {
        List<Double> sorted = numbers.stream().sorted().toList();
        return new Spread(
                quantile(sorted, 0.5),
                quantile(sorted, 0.25),
                quantile(sorted, 0.75),
                sorted.size());
    }

    /// Between neighbours along a straight line.
    private static double quantile(List<Double> sorted, double share) {
        double place = share * (sorted.size() - 1);
        int below = (int) place;
        int above = Math.min(below + 1, sorted.size() - 1);
        return sorted.get(below) + (place - below) * (sorted.get(above) - sorted.get(below));
    }
}
