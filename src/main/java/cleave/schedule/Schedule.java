package cleave.schedule;

import cleave.config.FromScalar;
import cleave.config.NotEmpty;
import cleave.config.OuterRule;
import cleave.config.Range;
import java.util.List;
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
            return to + (from - to) * (1 + StrictMath.cos(Math.PI * share)) / 2;
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
            return share >= 1 ? to : to + (from - to) * StrictMath.cos(Math.PI / 2 * share);
        }
    }

    /// Straight lines from point to point, constant before the first and after the last; two points
    /// at one share are a jump to the later.
    ///
    /// @param at shares of the run, in order
    /// @param values the value at each of them
    record Points(
            @NotEmpty @Range(min = 0, max = 1) List<Double> at, @OuterRule List<Double> values)
            implements Schedule {
        /// Checks that there are as many shares as values and that they do not go back.
        public Points {
            at = List.copyOf(at);
            values = List.copyOf(values);
            if (at.size() != values.size()) {
                throw new IllegalArgumentException(
                        "at and values must be of one length, got %d and %d"
                                .formatted(at.size(), values.size()));
            }
            if (!at.equals(at.stream().sorted().toList())) {
                throw new IllegalArgumentException("at must not go back, got " + at);
            }
        }

        @Override
        public double at(long step, long steps) {
            double progress = progress(step, steps);
            int next = 0;
            while (next < at.size() && at.get(next) <= progress) {
                next++;
            }
            if (next == 0 || next == at.size()) {
                return values.get(Math.max(0, next - 1));
            }
            double share = (progress - at.get(next - 1)) / (at.get(next) - at.get(next - 1));
            return values.get(next - 1) + (values.get(next) - values.get(next - 1)) * share;
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

    private static double progress(long step, long steps) {
        return steps <= 1 ? 0 : (double) step / (steps - 1);
    }

    private static double share(
            long step, long steps, Optional<Double> start, Optional<Double> end) {
        double from = start.orElse(0.0);
        double to = end.orElse(1.0);
        double progress = progress(step, steps);
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
