package cleave.report;

import cleave.verdict.Line;
import cleave.verdict.Status;
import cleave.verdict.Verdict;
import java.util.ArrayList;
import java.util.List;

/// The checks of the run.
final class VerdictSection {
    private VerdictSection() {}

    static String html(ReportData data) {
        Verdict verdict = data.verdict();
        List<String> parts = new ArrayList<>();
        parts.add(
                Markup.paragraph(
                        "%d checks failed, %d warned of, %d passed."
                                .formatted(
                                        verdict.lines(Status.FAIL).size(),
                                        verdict.lines(Status.WARN).size(),
                                        verdict.lines(Status.PASS).size()),
                        "class",
                        verdict.status() == Status.FAIL ? "verdict bad" : "verdict good"));
        parts.add(table(verdict));
        if (verdict.status().compareTo(Status.PASS) > 0) {
            parts.add(Markup.tag("h3", "What to do") + Markup.list(remarks(verdict)));
        }
        parts.add(
                Markup.note(
                        "Held out are figures under masks that no loss of the recipe uses, or on sequences unlike those of training: they decide. The worst masks that a search finds are not looked for here: `cleave verdict` does that."));
        return Markup.section("verdict", "Verdict", parts);
    }

    private static String table(Verdict verdict) {
        Table table =
                new Table("Checks of the run, and where each passes or only warns")
                        .head("check", "figure", "passes", "else warns", "verdict", "rests on");
        for (Line line : verdict.lines()) {
            table.row(
                    line.status() == Status.PASS || line.status() == Status.INFO
                            ? "quiet"
                            : "strong",
                    line.check().title(),
                    List.of(
                            line.shown(),
                            line.passes(),
                            line.warns(),
                            line.status().toString(),
                            line.basis().toString().replace('_', ' ')));
        }
        return table.html();
    }

    private static List<String> remarks(Verdict verdict) {
        return verdict.lines().stream()
                .flatMap(line ->
                        line.whatToDo().stream()
                                .map(advice ->
                                        "%s: %s. To do: %s."
                                                .formatted(
                                                        line.check().title(),
                                                        line.measured(),
                                                        advice)))
                .toList();
    }
}
