package cleave.report;

import cleave.analysis.Census;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// What [DST] reports for the induction toy (Table 1). Its threshold is not stated.
public final class Paper {
    /// The marks of its table.
    static final List<String> MARKS = List.of("s1", "m", "s2", "random");

    private static final Map<String, Integer> UNIQUE =
            Map.of("Q0", 1, "K0", 1, "V0", 1, "Q1", 1, "K1", 1, "V1", 11);

    private static final Map<String, List<Double>> ACTIVE =
            Map.of(
                    "Q0", List.of(0.0, 1.0, 0.0, 0.001),
                    "K0", List.of(1.0, 0.05, 0.0, 0.183),
                    "V0", List.of(1.0, 0.0, 0.0, 0.0),
                    "Q1", List.of(0.0, 0.0, 1.0, 0.0),
                    "K1", List.of(0.0, 1.0, 0.0, 0.0),
                    "V1", List.of(0.0, 5.053, 0.0, 0.0));

    private Paper() {}

    /// Whether the sites are those of the paper's table.
    static boolean hasSitesOf(Census census) {
        return census.sites().keySet().equals(UNIQUE.keySet());
    }

    /// How many rows of the paper's table a census shows, in a sentence; empty for other sites.
    public static Optional<String> rows(Census census) {
        if (!hasSitesOf(census)) {
            return Optional.empty();
        }
        List<String> empty =
                census.sites().entrySet().stream()
                        .filter(site -> site.getValue().unique() == 0)
                        .map(Map.Entry::getKey)
                        .toList();
        return Optional.of(
                empty.isEmpty()
                        ? "All six rows of the paper's table are shown."
                        : "%d of the six rows of the paper's table are shown; empty: %s. Whether the target needs them says cleave circuit TARGET --necessity."
                                .formatted(6 - empty.size(), String.join(", ", empty)));
    }

    /// Unique subcomponents of a site.
    static int unique(String site) {
        return UNIQUE.getOrDefault(site, 0);
    }

    /// Unique subcomponents of all sites.
    static int unique() {
        return UNIQUE.values().stream().mapToInt(Integer::intValue).sum();
    }

    /// Mean number of active subcomponents of a site at each of the marks.
    static List<Double> active(String site) {
        return ACTIVE.getOrDefault(site, List.of());
    }
}
