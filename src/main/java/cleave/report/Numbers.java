package cleave.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Locale;

/// Numbers as the page shows them.
public final class Numbers {
    private static final MathContext THREE_DIGITS = new MathContext(3);

    private Numbers() {}

    /// A whole number with thousands set apart.
    public static String count(long number) {
        return String.format(Locale.ROOT, "%,d", number);
    }

    /// Three significant digits: `0.0123`, `1.23e-5`.
    public static String of(double number) {
        if (!Double.isFinite(number)) {
            return Double.isNaN(number) ? "none" : number > 0 ? "∞" : "-∞";
        }
        if (number == 0) {
            return "0";
        }
        double size = Math.abs(number);
        if (size >= 1e-3 && size < 1e5) {
            return new BigDecimal(number).round(THREE_DIGITS).stripTrailingZeros().toPlainString();
        }
        return String.format(Locale.ROOT, "%.2e", number)
                .replaceFirst("\\.?0*e\\+?(-?)0*(?=\\d)", "e$1");
    }

    /// A divergence.
    public static String nats(double number) {
        return of(number) + (Double.isFinite(number) ? " nats" : "");
    }

    /// A share: `98.93 %`.
    public static String percent(double share) {
        return fixed(100 * share, 2) + (Double.isFinite(share) ? " %" : "");
    }

    /// A share that is a round number, such as a floor: `0.1 %`.
    public static String roundPercent(double share) {
        return of(100 * share) + " %";
    }

    /// A fixed number of decimals.
    public static String fixed(double number, int decimals) {
        if (!Double.isFinite(number)) {
            return of(number);
        }
        return String.format(Locale.ROOT, "%." + decimals + "f", number);
    }

    /// A length in a picture.
    static String px(double length) {
        return BigDecimal.valueOf(Math.round(length * 100), 2).stripTrailingZeros().toPlainString();
    }

    /// Four significant digits, for the page's data.
    static double shortened(double number) {
        if (!Double.isFinite(number) || number == 0) {
            return number;
        }
        return new BigDecimal(number).round(new MathContext(4)).doubleValue();
    }
}
