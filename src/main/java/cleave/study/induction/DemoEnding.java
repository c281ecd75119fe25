package cleave.study.induction;

import cleave.analysis.Census;
import cleave.analysis.SiteCensus;
import cleave.command.ShellWord;
import cleave.command.Tables;
import cleave.verdict.Basis;
import cleave.verdict.Check;
import cleave.verdict.Line;
import cleave.verdict.Status;
import cleave.verdict.Verdict;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/// What a demo says in the end, for somebody who reads it for the first time: the sentence, the
/// table, what it rests on, and where the report is, in at most 25 lines. The report has the rest.
final class DemoEnding {
    /// A row is on where its pieces are on in at least this share of sequences.
    private static final double ON = 0.99;

    /// A row is off where its pieces are on in at most this share of sequences.
    private static final double OFF = 0.01;

    private DemoEnding() {}

    static String of(Census census, Circuit circuit, Verdict verdict, Path run, Path report) {
        return String.join(
                System.lineSeparator(),
                sentence(census, circuit),
                "",
                table(census, circuit),
                "%d of %d pieces are used. With these on everywhere and all others off, no gate in the picture, the"
                        .formatted(used(census), all(census)),
                "model answers %s right (target %s). %s"
                        .formatted(
                                Tables.percent(census.positionFree().accuracy()),
                                Tables.percent(census.accuracies().target()),
                                unlike(verdict)),
                verdict(verdict),
                adversary(verdict),
                "details: cleave circuit %s, cleave verdict %s"
                        .formatted(ShellWord.of(run), ShellWord.of(run)),
                "report: " + report,
                "");
    }

    static int used(Census census) {
        return census.sites().values().stream().mapToInt(SiteCensus::unique).sum();
    }

    static int all(Census census) {
        return census.sites().values().stream().mapToInt(SiteCensus::count).sum();
    }

    private static String sentence(Census census, Circuit circuit) {
        if (!circuit.verdict().holds()) {
            return "The induction circuit is not shown: " + reason(circuit) + ".";
        }
        long shown = census.sites().keySet().stream().filter(site -> isShown(census, site)).count();
        int rows = Paper.sites().size();
        return shown == rows
                ? "The induction circuit is found: all %d rows of the paper's table, each on at its token."
                        .formatted(rows)
                : "The induction circuit is found, with %d of the %d rows of the paper's table on at their tokens."
                        .formatted(shown, rows);
    }

    private static String reason(Circuit circuit) {
        return circuit.verdict().words().replace("the two-step circuit is not shown: ", "");
    }

    private static String table(Census census, Circuit circuit) {
        List<String> head = new ArrayList<>(List.of("matrix", "pieces", "paper"));
        Paper.MARKS.forEach(mark -> head.add(mark.equals("random") ? mark : "on at " + mark));
        head.addAll(List.of("right without", "row"));
        Tables table = new Tables(head);
        for (Map.Entry<String, SiteCensus> site : census.sites().entrySet()) {
            List<String> cells =
                    new ArrayList<>(
                            List.of(
                                    site.getKey(),
                                    Integer.toString(site.getValue().unique()),
                                    Paper.unique(site.getKey())));
            Paper.MARKS.forEach(mark -> cells.add(Tables.mean(active(site.getValue(), mark))));
            cells.add(without(circuit, site.getKey()));
            cells.add(row(census, site.getKey()));
            table.row(cells);
        }
        return table.toString();
    }

    private static double active(SiteCensus site, String mark) {
        return site.active().getOrDefault(mark, 0.0);
    }

    private static String without(Circuit circuit, String site) {
        return circuit.matrices().stream()
                .filter(group -> group.name().equals(site) && !group.suppressed().isEmpty())
                .map(group -> Tables.percent(group.figures().accuracy()))
                .findFirst()
                .orElse("");
    }

    private static boolean isShown(Census census, String site) {
        SiteCensus found = census.sites().get(site);
        return found != null
                && Paper.token(site).filter(token -> active(found, token) >= ON).isPresent();
    }

    /// Where a site's pieces are on, against the paper.
    private static String row(Census census, String site) {
        SiteCensus found = census.sites().get(site);
        if (found == null || found.unique() == 0) {
            return "empty";
        }
        String token = Paper.token(site).orElse("");
        List<String> also =
                Paper.MARKS.stream()
                        .filter(mark -> !mark.equals(token) && active(found, mark) > OFF)
                        .toList();
        String others = also.isEmpty() ? "" : ", also at " + String.join(", ", also);
        return (isShown(census, site) ? "at " + token : "not at " + token) + others;
    }

    private static String unlike(Verdict verdict) {
        return verdict.lines().stream()
                .filter(line -> line.check() == Check.UNLIKE_ACCURACY)
                .findFirst()
                .map(line -> "On unlike sequences they keep at least %s.".formatted(line.shown()))
                .orElse("");
    }

    private static String verdict(Verdict verdict) {
        List<Line> held = verdict.lines(Basis.HELD_OUT);
        return "verdict: %s (%d failed%s, %d warned of, %d passed; %d of these figures no loss has seen)"
                .formatted(
                        verdict.status(),
                        verdict.lines(Status.FAIL).size(),
                        verdict.lines(Status.FAIL).stream()
                                .map(line -> line.check().title())
                                .collect(Collectors.joining(", ", ": ", ""))
                                .replaceFirst("^: $", ""),
                        verdict.lines(Status.WARN).size(),
                        verdict.lines(Status.PASS).size(),
                        held.size());
    }

    private static String adversary(Verdict verdict) {
        String ladder =
                verdict.lines(Basis.HELD_OUT).stream()
                        .filter(line -> line.check().title().startsWith("adversarial"))
                        .map(line ->
                                String.format(
                                        Locale.ROOT,
                                        "%s after %s",
                                        line.shown(),
                                        line.check().title().replace("adversarial KL, ", "")))
                        .collect(Collectors.joining(", "));
        return "an adversary who sets what is off between off and on reaches KL %s; this only warns"
                .formatted(ladder.isEmpty() ? "none" : ladder);
    }
}
