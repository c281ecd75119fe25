package cleave.harvest;

/// Bins of numbers of either sign, eight to each doubling, so that what stands for a value is
/// within 6.3 % of it. They reach from `2^-20` to `2^12`; smaller sizes lie in the bin of 0, larger
/// ones in the last of their sign.
final class SignedBins {
    private static final int LEAST = -20; // powers of two
    private static final int MOST = 12;
    private static final int PER_DOUBLING = 8;
    private static final int SIDE = (MOST - LEAST) * PER_DOUBLING;

    /// How many there are: those of negative numbers, that of 0, those of positive numbers.
    static final int COUNT = 2 * SIDE + 1;

    private SignedBins() {}

    /// The bin of a number.
    static int of(float number) {
        // The exponent and the first three bits after the point count the eighths of doublings.
        int place = (Float.floatToRawIntBits(number) & 0x7FFFFFFF) >>> 20;
        int first = (127 + LEAST) * PER_DOUBLING;
        int at = Math.min(place - first, SIDE - 1);
        return at < 0 ? SIDE : number < 0 ? SIDE - 1 - at : SIDE + 1 + at;
    }

    /// What stands for the values of a bin: its middle.
    static double value(int bin) {
        if (bin == SIDE) {
            return 0;
        }
        int at = bin > SIDE ? bin - SIDE - 1 : SIDE - 1 - bin;
        double size =
                Math.scalb(1 + (at % PER_DOUBLING + 0.5) / PER_DOUBLING, LEAST + at / PER_DOUBLING);
        return bin > SIDE ? size : -size;
    }
}
