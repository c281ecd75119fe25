package cleave.cli;

import cleave.command.Tables;
import cleave.verdict.Basis;
import cleave.verdict.Line;
import cleave.verdict.Status;
import cleave.verdict.Verdict;
import java.util.List;

/// A verdict as text.
final class VerdictText {
    private VerdictText() {}

    static String of(Verdict verdict) {
        StringBuilder tables = new StringBuilder();
        for (Basis basis : Basis.values()) {
            if (!verdict.lines(basis).isEmpty()) {
                tables.append("%s%n%s%n".formatted(basis.title(), table(verdict.lines(basis))));
            }
        }
        return "%s%s%s%n".formatted(tables, remarks(verdict), summary(verdict));
    }

    private static Tables table(List<Line> lines) {
        Tables table = new Tables(List.of("check", "figure", "passes", "else warns", "verdict"));
        for (Line line : lines) {
            table.row(
                    List.of(
                            line.check().title(),
                            line.shown(),
                            line.passes(),
                            line.warns(),
                            line.status().toString()));
        }
        return table;
    }

    /// What was measured where a check is not passed, and what to do, once for neighbours of the
    /// same remedy.
    private static String remarks(Verdict verdict) {
        StringBuilder remarks = new StringBuilder();
        String said = "";
        for (Line line : verdict.lines()) {
            String advice = line.whatToDo().orElse("");
            if (advice.isEmpty()) {
                continue;
            }
            remarks.append(
                    "%s  %s: %s%n".formatted(line.status(), line.check().title(), line.measured()));
            if (!advice.equals(said)) {
                remarks.append("      %s%n".formatted(advice));
            }
            said = advice;
        }
        return remarks.isEmpty() ? "" : remarks + System.lineSeparator();
    }

    private static String summary(Verdict verdict) {
        return "verdict: %s (%d failed, %d warned of, %d passed)%s"
                .formatted(
                        verdict.status(),
                        verdict.lines(Status.FAIL).size(),
                        verdict.lines(Status.WARN).size(),
                        verdict.lines(Status.PASS).size(),
                        verdict.isDecided()
                                ? ""
                                : "; no held-out figure decides, so a pass means little");
    }
}
