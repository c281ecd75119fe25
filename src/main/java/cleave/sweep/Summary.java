package cleave.sweep;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.SequencedSet;

/// Means and spreads over the seeds of each combination of varied values.
///
/// @param groups one for each combination
public record Summary(List<Group> groups) {
    static final String MINUTES = "minutes";

    /// The runs that differ in their seed only.
    ///
    /// @param vary the values of the varied keys
    /// @param finished how many runs have figures
    /// @param failed how many have an error instead
    /// @param figures over the finished ones, `minutes` last
    public record Group(
            Map<String, String> vary,
            int finished,
            int failed,
            SequencedMap<String, Spread> figures) {}

    /// One figure over some runs; a run in which it was not finite is not among them.
    ///
    /// @param runs how many, n
    /// @param mean their mean
    /// @param deviation `sqrt(sum (x - mean)^2 / (n - 1))`; 0 for one run
    /// @param least the smallest
    /// @param largest the largest
    public record Spread(int runs, double mean, double deviation, double least, double largest) {
        /// The spread of at least one value.
        public static Spread of(Collection<Double> values) {
            int n = values.size();
            double mean = values.stream().mapToDouble(x -> x).sum() / n;
            double squares = values.stream().mapToDouble(x -> (x - mean) * (x - mean)).sum();
            return new Spread(
                    n,
                    mean,
                    n > 1 ? Math.sqrt(squares / (n - 1)) : 0,
                    values.stream().mapToDouble(x -> x).min().orElseThrow(),
                    values.stream().mapToDouble(x -> x).max().orElseThrow());
        }
    }

    /// The summary of these rows; groups stand in the order of their first row.
    public static Summary of(List<Row> rows) {
        SequencedMap<Map<String, String>, List<Row>> groups = new LinkedHashMap<>();
        rows.forEach(row -> groups.computeIfAbsent(row.vary(), _ -> new ArrayList<>()).add(row));
        return new Summary(
                groups.entrySet().stream()
                        .map(group -> group(group.getKey(), group.getValue()))
                        .toList());
    }

    private static Group group(Map<String, String> vary, List<Row> rows) {
        List<Row> finished = rows.stream().filter(Row::finished).toList();
        SequencedMap<String, List<Double>> values = new LinkedHashMap<>();
        for (Row row : finished) {
            row.figures()
                    .forEach((name, value) -> {
                        List<Double> known = values.computeIfAbsent(name, _ -> new ArrayList<>());
                        if (value != null) {
                            known.add(value);
                        }
                    });
        }
        values.put(MINUTES, finished.stream().map(Row::minutes).toList());
        SequencedMap<String, Spread> figures = new LinkedHashMap<>();
        values.forEach((name, known) -> {
            if (!known.isEmpty()) {
                figures.put(name, Spread.of(known));
            }
        });
        return new Group(vary, finished.size(), rows.size() - finished.size(), figures);
    }

    /// The names of all figures.
    SequencedSet<String> names() {
        SequencedSet<String> names = new LinkedHashSet<>();
        groups.forEach(group -> names.addAll(group.figures().keySet()));
        return names;
    }
}
