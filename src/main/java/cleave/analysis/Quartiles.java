package cleave.analysis;

import java.util.Collection;
import java.util.List;

/// Where the middle and the quarters of some numbers lie, between neighbours along a straight line.
///
/// @param median half are below
/// @param lower a quarter is below
/// @param upper a quarter is above
public record Quartiles(double median, double lower, double upper) {

    /// Of at least one number.
    ///
    /// @throws IllegalArgumentException when there is none
    public static Quartiles of(Collection<Double> numbers) {
        if (numbers.isEmpty()) {
            throw new IllegalArgumentException("quartiles must be of a number, got none");
        }
        List<Double> sorted = numbers.stream().sorted().toList();
        return new Quartiles(at(sorted, 0.5), at(sorted, 0.25), at(sorted, 0.75));
    }

    private static double at(List<Double> sorted, double share) {
        double place = share * (sorted.size() - 1);
        int below = (int) place;
        int above = Math.min(below + 1, sorted.size() - 1);
        double low = sorted.get(below);
        return place == below ? low : low + (place - below) * (sorted.get(above) - low);
    }
}
