package cleave.model;

import cleave.config.Above;
import cleave.config.AtLeast;
import cleave.config.Default;
import java.util.Optional;

/// Rotary position embeddings (RoPE): the pair `i` of `n` numbers of a head turns by `position
/// base^(-2 i / n)`, slowed down for longer contexts as `scaling` says.
///
/// @param base the slowest pair turns about `base` times slower than the first
/// @param scaling how frequencies are changed for contexts beyond those of the first training
public record Rotary(@Above(1) @Default("10000.0") double base, Optional<Scaling> scaling) {

    /// How frequencies are changed, after `transformers`.
    public sealed interface Scaling {
        /// The frequency of pair `i` of `turned / 2`.
        double frequency(double base, int i, int turned);

        /// What cosines and sines are multiplied by.
        default double attention() {
            return 1;
        }
    }

    /// Every pair turns `factor` times slower.
    ///
    /// @param factor how many times longer contexts are
    public record Linear(@AtLeast(1) double factor) implements Scaling {
        @Override
        public double frequency(double base, int i, int turned) {
            return plain(base, i, turned) / factor;
        }
    }

    /// Slow pairs turn `factor` times slower, fast ones as before, and those between by parts of
    /// both, as in Llama 3.1.
    ///
    /// @param factor how many times slower
    /// @param lowFrequency pairs with fewer turns than this in the original context are slow
    /// @param highFrequency pairs with more turns than this in the original context are fast
    /// @param original the context of the first training
    public record Llama3(
            @AtLeast(1) double factor,
            @Above(0) double lowFrequency,
            @Above(0) double highFrequency,
            @AtLeast(1) int original)
            implements Scaling {
        @Override
        public double frequency(double base, int i, int turned) {
            double frequency = plain(base, i, turned);
            double turns = original * frequency / (2 * Math.PI);
            if (turns < lowFrequency) {
                return frequency / factor;
            }
            if (turns > highFrequency) {
                return frequency;
            }
            double fast = (turns - lowFrequency) / (highFrequency - lowFrequency);
            return (1 - fast) * frequency / factor + fast * frequency;
        }
    }

    /// YaRN: as `Llama3` by another rule, and scores are scaled as well.
    ///
    /// @param factor how many times slower slow pairs turn
    /// @param attention what cosines and sines are multiplied by
    /// @param fast turns in the original context from which a pair is fast
    /// @param slow turns in the original context up to which a pair is slow
    /// @param original the context of the first training
    /// @param truncate whether the bounds between slow and fast are whole pairs
    public record Yarn(
            @AtLeast(1) double factor,
            @Above(0) double attention,
            @Above(0) @Default("32.0") double fast,
            @Above(0) @Default("1.0") double slow,
            @AtLeast(1) int original,
            @Default("true") boolean truncate)
            implements Scaling {
        @Override
        public double frequency(double base, int i, int turned) {
            double low = bound(fast, base, turned);
            double high = bound(slow, base, turned);
            low = Math.max(truncate ? Math.floor(low) : low, 0);
            high = Math.min(truncate ? Math.ceil(high) : high, turned - 1.0);
            double width = low == high ? 0.001 : high - low;
            double slowed = Math.clamp((i - low) / width, 0, 1);
            double frequency = plain(base, i, turned);
            return frequency / factor * slowed + frequency * (1 - slowed);
        }

        /// The pair, not a whole one, that makes so many turns in the original context.
        private double bound(double turns, double base, int turned) {
            return turned
                    * Math.log(original / (turns * 2 * Math.PI))
                    / (2 * Math.log(base));
        }
    }

    /// The frequencies of `turned / 2` pairs, radians a position.
    double[] frequencies(int turned) {
        double[] frequencies = new double[turned / 2];
        for (int i = 0; i < frequencies.length; i++) {
            frequencies[i] =
                    scaling.isPresent()
                            ? scaling.get().frequency(base, i, turned)
                            : plain(base, i, turned);
        }
        return frequencies;
    }

    /// What cosines and sines are multiplied by.
    double attention() {
        return scaling.map(Scaling::attention).orElse(1.0);
    }

    private static double plain(double base, int i, int turned) {
        return Math.pow(base, -2.0 * i / turned);
    }
}
