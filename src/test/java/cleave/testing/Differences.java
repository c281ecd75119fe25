package cleave.testing;

import cleave.tensor.Tensor;
import cleave.tensor.Tensors;

/// Compares arrays of numbers and remembers the largest difference, so that a test can say how much
/// room its tolerance has.
///
/// A difference is relative to the larger of 1e-3 and the expected array's largest magnitude.
public final class Differences {
    private static final double SMALLEST_SCALE = 1e-3;

    private final String subject;
    private final double tolerance;
    private final String hint;
    private double largest;
    private String where = "nothing was compared";

    /// A comparison that fails beyond `tolerance`, with `hint` in its message.
    public Differences(String subject, double tolerance, String hint) {
        this.subject = subject;
        this.tolerance = tolerance;
        this.hint = hint;
    }

    /// Compares element by element.
    public void check(String what, double[] actual, double[] expected) {
        if (actual.length != expected.length) {
            throw new AssertionError(
                    "%s: %s must have %d numbers, got %d\nhint: %s"
                            .formatted(subject, what, expected.length, actual.length, hint));
        }
        double scale = SMALLEST_SCALE;
        for (double value : expected) {
            scale = Math.max(scale, Math.abs(value));
        }
        for (int i = 0; i < actual.length; i++) {
            double difference = Math.abs(actual[i] - expected[i]) / scale;
            // Written so that NaN fails.
            if (!(difference <= tolerance)) {
                throw new AssertionError(
                        "%s: %s[%d] must be %s to within %s, got %s (%.2e)\nhint: %s"
                                .formatted(
                                        subject,
                                        what,
                                        i,
                                        expected[i],
                                        tolerance,
                                        actual[i],
                                        difference,
                                        hint));
            }
            if (difference >= largest) {
                largest = difference;
                where = what;
            }
        }
    }

    /// Compares all elements of a tensor.
    public void check(String what, Tensor actual, double[] expected) {
        check(what, Tensors.toDoubles(actual), expected);
    }

    /// Compares one number.
    public void check(String what, double actual, double expected) {
        check(what, new double[] {actual}, new double[] {expected});
    }

    /// Prints the largest difference.
    public void report() {
        System.out.printf(
                "%s: largest difference %.1e of %.0e allowed (%s)%n",
                subject, largest, tolerance, where);
    }
}
