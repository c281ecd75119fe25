package cleave.study.induction;

import cleave.analysis.Census;
import cleave.analysis.SiteCensus;
import java.util.Locale;
import java.util.stream.Collectors;

/// A census in two sentences, three for the sites of the paper's table.
final class Headline {
    private Headline() {}

    static String of(Census census) {
        int unique = census.sites().values().stream().mapToInt(SiteCensus::unique).sum();
        int all = census.sites().values().stream().mapToInt(SiteCensus::count).sum();
        String sites =
                census.sites().entrySet().stream()
                        .map(site -> site.getKey() + " " + site.getValue().unique())
                        .collect(Collectors.joining(", "));
        String sentences =
                String.format(
                        Locale.ROOT,
                        "%d of %d subcomponents are used: %s.%nWith these on everywhere and all others off,"
                                + " no gate in the picture, the model answers %.2f %% right (target %.2f %%).",
                        unique,
                        all,
                        sites,
                        100 * census.positionFree().accuracy(),
                        100 * census.accuracies().target());
        return Paper.rows(census)
                .map(rows -> sentences + System.lineSeparator() + rows)
                .orElse(sentences);
    }
}
