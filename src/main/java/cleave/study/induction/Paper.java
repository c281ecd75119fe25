package cleave.study.induction;

import cleave.analysis.Census;
import cleave.report.Published;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// What DST reports for the induction toy (Table 1). Its threshold is not stated.
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

    /// A mean number of active subcomponents that counts as on.
    private static final double ON = 0.9;

    private Paper() {}

    /// Whether the sites are those of the paper's table.
    static boolean hasSitesOf(Census census) {
        return census.sites().keySet().equals(UNIQUE.keySet());
    }

    /// How many rows of the paper's table a census shows, in a sentence; empty for other sites. A
    /// row is shown when the site has used subcomponents that are on where the paper has its own.
    public static Optional<String> rows(Census census) {
        if (!hasSitesOf(census)) {
            return Optional.empty();
        }
        List<String> empty = new ArrayList<>();
        List<String> elsewhere = new ArrayList<>();
        census.sites()
                .forEach((name, site) -> {
                    if (site.unique() == 0) {
                        empty.add(name);
                    } else if (site.active().getOrDefault(mark(name), 0.0) < ON) {
                        elsewhere.add("%s (%s)".formatted(name, mark(name)));
                    }
                });
        int shown = UNIQUE.size() - empty.size() - elsewhere.size();
        if (shown == UNIQUE.size()) {
            return Optional.of(
                    "All six rows of the paper's table are shown, each at the paper's token.");
        }
        StringBuilder text =
                new StringBuilder(
                        "%d of the six rows of the paper's table are shown".formatted(shown));
        if (!elsewhere.isEmpty()) {
            text.append("; used, but not at the paper's token: ")
                    .append(String.join(", ", elsewhere));
        }
        if (!empty.isEmpty()) {
            text.append("; empty: ").append(String.join(", ", empty));
        }
        return Optional.of(
                text
                        + ". Which rows the target needs, and where, says cleave circuit TARGET --necessity.");
    }

    /// The table beside a census; empty for other sites.
    public static Optional<Published> published(Census census) {
        return rows(census).map(rows -> new Published(UNIQUE, MARKS, ACTIVE, rows));
    }

    /// The sites of its table.
    static Set<String> sites() {
        return UNIQUE.keySet();
    }

    /// How many subcomponents it has in a site, as text; nothing for other sites.
    static String unique(String site) {
        Integer unique = UNIQUE.get(site);
        return unique == null ? "" : unique.toString();
    }

    /// The token at which it has those of a site; empty for other sites.
    static Optional<String> token(String site) {
        return UNIQUE.containsKey(site) ? Optional.of(mark(site)) : Optional.empty();
    }

    /// Where the paper's subcomponents of a site are on.
    private static String mark(String site) {
        List<Double> active = active(site);
        return MARKS.get(active.indexOf(Collections.max(active)));
    }

    /// Mean number of active subcomponents of a site at each of the marks.
    static List<Double> active(String site) {
        return ACTIVE.getOrDefault(site, List.of());
    }
}
