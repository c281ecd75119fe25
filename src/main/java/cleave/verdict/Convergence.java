package cleave.verdict;

import cleave.run.MetricsLog;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Whether the reconstruction losses still change at the end of training (spec A14).
///
/// The loss of a step is the mean of its logged reconstruction terms: the whole objective rises and
/// falls with the schedules of p and of coefficients. The windows compared are the last two fifths
/// of the *learning*, of the summed learning rate: where the rate ends at zero, the last steps
/// cannot change anything, and every run looks settled in them.
///
/// @param before median loss in the last window but one, nats
/// @param after median loss in the last window, nats
/// @param logged steps in the smaller of the two
public record Convergence(double before, double after, int logged) {

    /// How many windows the learning is cut into.
    public static final int WINDOWS = 5;

    /// Windows with fewer logged steps have no median to speak of.
    public static final int FEWEST = 3;

    /// Changes below this loss do not matter, nats: it is what g-masked KL may have.
    public static final double NEGLIGIBLE = 1e-2;

    private record Point(double learningRate, double loss) {}

    /// Reads the log up to a checkpoint.
    ///
    /// @param step of the checkpoint: the first step it does not contain
    public static Convergence of(List<MetricsLog.Line> metrics, long step) {
        List<Point> points = new ArrayList<>();
        for (MetricsLog.Line line : metrics) {
            double[] losses =
                    line.values().entrySet().stream()
                            .filter(entry -> entry.getKey().contains("reconstruction"))
                            .mapToDouble(Convergence::number)
                            .toArray();
            double rate =
                    line.values().entrySet().stream()
                            .filter(entry -> entry.getKey().equals("learning_rate"))
                            .mapToDouble(Convergence::number)
                            .sum();
            double loss = Arrays.stream(losses).average().orElse(Double.NaN);
            if (line.step() < step && Double.isFinite(loss) && Double.isFinite(rate)) {
                points.add(new Point(rate, loss));
            }
        }
        return of(points);
    }

    private static double number(Map.Entry<String, @Nullable Double> entry) {
        return Objects.requireNonNullElse(entry.getValue(), Double.NaN);
    }

    private static Convergence of(List<Point> points) {
        double learning = points.stream().mapToDouble(Point::learningRate).sum();
        List<Double> before = new ArrayList<>();
        List<Double> after = new ArrayList<>();
        double done = 0;
        for (Point point : points) {
            // A step stands where half of its own learning is done.
            double share = (done + point.learningRate() / 2) / learning;
            done += point.learningRate();
            if (share >= (WINDOWS - 1.0) / WINDOWS) {
                after.add(point.loss());
            } else if (share >= (WINDOWS - 2.0) / WINDOWS) {
                before.add(point.loss());
            }
        }
        int logged = Math.min(before.size(), after.size());
        return logged < FEWEST
                ? new Convergence(Double.NaN, Double.NaN, logged)
                : new Convergence(median(before), median(after), logged);
    }

    private static double median(List<Double> values) {
        List<Double> sorted = values.stream().sorted().toList();
        int half = sorted.size() / 2;
        return sorted.size() % 2 == 1
                ? sorted.get(half)
                : (sorted.get(half - 1) + sorted.get(half)) / 2;
    }

    /// The factor by which the loss changed, up or down: at least 1; NaN with too few logged steps.
    public double change() {
        double ratio = (before + NEGLIGIBLE) / (after + NEGLIGIBLE);
        return Math.max(ratio, 1 / ratio);
    }
}
