package cleave.study.sports;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;

/// Finds a small set of parts that, suppressed together, take an answer away and little else (spec
/// A18).
///
/// Every part is measured alone. Then the best sets grow by one part at a time: of all sets that
/// are one larger, those are measured whose members' own effects promise most, and the best of them
/// grow on. It is no exhaustive search: two parts that do something only together are met where one
/// of them is among the best alone.
///
/// @param <P> what a part is; parts are ordered, so that the search is the same every time
final class SetSearch<P extends Comparable<P>> {
    /// Sets that grow at each size.
    static final int GROWING = 4;

    /// Sets that are measured at each size beyond one.
    static final int TRIED = 8;

    /// Parts that sets are made of: the best alone.
    static final int POOL = 16;

    /// A larger set must be better by this.
    static final double LEAST_GAIN = 0.05;

    private final Function<List<List<P>>, List<Harm>> measure;
    private final int most;

    /// What suppressing a set does, all measured on what finding may look at.
    ///
    /// @param fall of the answer's log-probability, nats
    /// @param rank of the answer, 1 for the most probable token
    /// @param otherFall the largest fall of another subject's answer, nats; below 0 where all rise
    /// @param othersLost mean share of its probability that the likeliest next token after prompts
    ///   about others loses, one that rises counting as 0
    /// @param linesLost the same after prompts about other things
    /// @param textKl divergence on text, nats a token
    record Harm(
            double fall,
            int rank,
            double otherFall,
            double othersLost,
            double linesLost,
            double textKl) {
        /// A fall beyond this is worth nothing: 200 times.
        private static final double ENOUGH = Math.log(200);

        private static final int FIRST_RANKS = 10;

        /// What it costs, in nats of the fall, that the answer is still among the first.
        private static final double RANK_COSTS = 1;

        /// What another subject's answer may lose, that it keeps 95 %.
        private static final double OTHER_LIMIT = -Math.log(0.95);

        private static final double OTHERS_LIMIT = 0.1;
        private static final double LINES_LIMIT = 0.15;
        private static final double TEXT_LIMIT = 5e-3;

        /// What harm of the whole limit costs, and what each further limit costs, in nats of the
        /// fall.
        private static final double WITHIN = 0.25;

        private static final double BEYOND = 4;

        /// The set's worth in nats of the fall: the fall as far as it counts, less what the harm
        /// costs. Within a limit harm costs little, beyond it more than any fall brings.
        double worth() {
            return Math.min(fall, ENOUGH)
                    - (rank <= FIRST_RANKS ? RANK_COSTS : 0)
                    - cost(otherFall / OTHER_LIMIT)
                    - cost(othersLost / OTHERS_LIMIT)
                    - cost(linesLost / LINES_LIMIT)
                    - cost(textKl / TEXT_LIMIT);
        }

        private static double cost(double limits) {
            return limits <= 1 ? WITHIN * Math.max(0, limits) : WITHIN + BEYOND * (limits - 1);
        }
    }

    /// A set, and what suppressing it does.
    ///
    /// @param parts the set
    /// @param harm what suppressing it does
    record Measured<P>(List<P> parts, Harm harm) {
        double worth() {
            return harm.worth();
        }
    }

    /// What was found.
    ///
    /// @param alone each part by itself, the best first
    /// @param chosen the best set; empty where there are no parts
    record Found<P>(List<Measured<P>> alone, Measured<P> chosen) {}

    /// @param measure says what suppressing each of some sets does
    /// @param most parts in a set
    SetSearch(Function<List<List<P>>, List<Harm>> measure, int most) {
        this.measure = measure;
        this.most = most;
    }

    /// Searches among parts.
    Found<P> among(List<P> parts) {
        List<Measured<P>> alone = measured(parts.stream().map(List::of).toList());
        if (alone.isEmpty()) {
            return new Found<>(alone, new Measured<>(List.of(), new Harm(0, 1, 0, 0, 0, 0)));
        }
        List<Measured<P>> pool = alone.subList(0, Math.min(POOL, alone.size()));
        List<Measured<P>> growing = pool.subList(0, Math.min(GROWING, pool.size()));
        Measured<P> best = alone.getFirst();
        Set<Set<P>> seen = new LinkedHashSet<>();
        for (int size = 2; size <= most && best.worth() + LEAST_GAIN <= Harm.ENOUGH; size++) {
            growing = measured(promising(growing, pool, seen));
            if (growing.isEmpty()) {
                break;
            }
            growing = growing.subList(0, Math.min(GROWING, growing.size()));
            if (growing.getFirst().worth() >= best.worth() + LEAST_GAIN) {
                best = growing.getFirst();
            }
        }
        return new Found<>(alone, best);
    }

    /// The sets one larger whose members' own effects, added, promise most.
    private List<List<P>> promising(
            List<Measured<P>> growing, List<Measured<P>> pool, Set<Set<P>> seen) {
        Map<List<P>, Double> promises = new LinkedHashMap<>();
        for (Measured<P> set : growing) {
            for (Measured<P> one : pool) {
                P part = one.parts().getFirst();
                if (set.parts().contains(part)) {
                    continue;
                }
                List<P> larger = new ArrayList<>(set.parts());
                larger.add(part);
                if (seen.add(new TreeSet<>(larger))) {
                    promises.put(List.copyOf(larger), sum(set.harm(), one.harm()).worth());
                }
            }
        }
        return promises.entrySet().stream()
                .sorted(Map.Entry.<List<P>, Double>comparingByValue().reversed())
                .limit(TRIED)
                .map(Map.Entry::getKey)
                .toList();
    }

    private static Harm sum(Harm one, Harm other) {
        return new Harm(
                one.fall() + other.fall(),
                Math.max(one.rank(), other.rank()),
                one.otherFall() + other.otherFall(),
                one.othersLost() + other.othersLost(),
                one.linesLost() + other.linesLost(),
                one.textKl() + other.textKl());
    }

    private List<Measured<P>> measured(List<List<P>> sets) {
        if (sets.isEmpty()) {
            return List.of();
        }
        List<Harm> harms = measure.apply(sets);
        List<Measured<P>> measured = new ArrayList<>();
        for (int i = 0; i < sets.size(); i++) {
            measured.add(new Measured<>(sets.get(i), harms.get(i)));
        }
        measured.sort(Comparator.comparingDouble((Measured<P> each) -> -each.worth()));
        return List.copyOf(measured);
    }
}
