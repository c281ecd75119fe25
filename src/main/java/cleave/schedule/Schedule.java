package cleave.schedule;

import cleave.config.FromScalar;
import cleave.config.OuterRule;
import cleave.config.Range;
import java.util.Optional;

/// A number that depends on the step (spec T1). In a configuration a bare number is a constant.
public sealed interface Schedule {

    /// The value at step `step` of a run of `steps` steps, counted from 0.
    double at(long step, long steps);

    /// A constant.
    @FromScalar
    static Schedule constant(double value) {
        return new Constant(value);
    }

    /// The same value at every step.
    record Constant(@OuterRule double value) implements Schedule {
        @Override
        public double at(long step, long steps) {
            return value;
        }
    }

    /// A straight line between two shares of the run, constant outside.
    record Linear(
            @OuterRule double from,
            @OuterRule double to,
            @Range(min = 0, max = 1) Optional<Double> start,
            @Range(min = 0, max = 1) Optional<Double> end)
            implements Schedule {
        /// Checks that the stretch does not end before it starts; an empty one is a jump.
        public Linear {
            requireOrder(start, end);
        }

        @Override
        public double at(long step, long steps) {
            return from + (to - from) * share(step, steps, start, end);
        }
    }

    /// Half a period of the cosine.
    record Cosine(
            @OuterRule double from,
            @OuterRule double to,
            @Range(min = 0, max = 1) Optional<Double> start,
            @Range(min = 0, max = 1) Optional<Double> end)
            implements Schedule {
        /// Checks that the stretch does not end before it starts; an empty one is a jump.
        public Cosine {
            requireOrder(start, end);
        }

        @Override
        public double at(long step, long steps) {
            double share = share(step, steps, start, end);
            return to + (from - to) * (1 + Math.cos(Math.PI * share)) / 2;
        }
    }

    /// A quarter period of the cosine: slow at first, steep at the end.
    record QuarterCosine(
            @OuterRule double from,
            @OuterRule double to,
            @Range(min = 0, max = 1) Optional<Double> start,
            @Range(min = 0, max = 1) Optional<Double> end)
            implements Schedule {
        /// Checks that the stretch does not end before it starts; an empty one is a jump.
        public QuarterCosine {
            requireOrder(start, end);
        }

        @Override
        public double at(long step, long steps) {
            double share = share(step, steps, start, end);
            // cos(pi/2) is 6e-17 in floating point; the end value is meant to be exact.
            return share >= 1 ? to : to + (from - to) * Math.cos(Math.PI / 2 * share);
        }
    }

    /// A linear rise from zero over the first `fraction` of the run, then another schedule over the
    /// rest.
    record Warmup(@Range(min = 0, max = 1) double fraction, @OuterRule Schedule then)
            implements Schedule {
        /// Checks the fraction.
        public Warmup {
            if (!(fraction >= 0 && fraction <= 1)) {
                throw new IllegalArgumentException("fraction must be in 0..1, got " + fraction);
            }
        }

        @Override
        public double at(long step, long steps) {
            long rise = (long) Math.floor(steps * fraction);
            return step < rise
                    ? then.at(0, steps - rise) * step / rise
                    : then.at(step - rise, steps - rise);
        }
    }

    private static double share(
            long step, long steps, Optional<Double> start, Optional<Double> end) {
        double from = start.orElse(0.0);
        double to = end.orElse(1.0);
        double progress = steps <= 1 ? 0 : (double) step / (steps - 1);
        return to == from
                ? (progress >= to ? 1 : 0)
                : Math.clamp((progress - from) / (to - from), 0.0, 1.0);
    }

    private static void requireOrder(Optional<Double> start, Optional<Double> end) {
        if (end.orElse(1.0) < start.orElse(0.0)) {
            throw new IllegalArgumentException(
                    "end must be >= start, got end %s and start %s"
                            .formatted(end.orElse(1.0), start.orElse(0.0)));
        }
    }
}
