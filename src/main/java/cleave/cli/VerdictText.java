package cleave.cli;

import cleave.verdict.Check;
import cleave.verdict.Limit;
import cleave.verdict.Line;
import cleave.verdict.Status;
import cleave.verdict.Verdict;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// A verdict as text.
final class VerdictText {
    private VerdictText() {}

    static String of(Verdict verdict) {
        Tables table = new Tables(List.of("check", "figure", "passes", "warns", "verdict"));
        StringBuilder remarks = new StringBuilder();
        for (Line line : verdict.lines()) {
            Check.Unit unit = line.check().unit();
            table.row(
                    List.of(
                            name(line),
                            unit.text(line.figure()),
                            line.limit().map(limit -> passes(unit, limit)).orElse(""),
                            line.limit().map(limit -> warns(unit, limit)).orElse(""),
                            line.status().toString()));
            whatToDo(line)
                    .ifPresent(advice ->
                            remarks.append(
                                    "%s  %s: %s%n      %s%n"
                                            .formatted(
                                                    line.status(),
                                                    name(line),
                                                    line.measured(),
                                                    advice)));
        }
        return "%s%n%s%n%s%n".formatted(table, remarks, summary(verdict));
    }

    /// What to do about a line that is not passed.
    static Optional<String> whatToDo(Line line) {
        return switch (line.status()) {
            case WARN, FAIL -> Optional.of(line.check().whatToDo());
            case PASS, INFO -> Optional.empty();
        };
    }

    private static String name(Line line) {
        return line.check().toString().replace('_', ' ');
    }

    private static String passes(Check.Unit unit, Limit limit) {
        String sign =
                switch (limit.bound()) {
                    case AT_MOST -> "<= ";
                    case AT_LEAST -> ">= ";
                };
        return sign + unit.text(limit.pass());
    }

    private static String warns(Check.Unit unit, Limit limit) {
        if (limit.warn() == limit.pass()) {
            return "";
        }
        return Double.isInfinite(limit.warn()) ? "beyond" : "to " + unit.text(limit.warn());
    }

    private static String summary(Verdict verdict) {
        int failed = verdict.lines(Status.FAIL).size();
        int warned = verdict.lines(Status.WARN).size();
        return String.format(
                Locale.ROOT,
                "verdict: %s (%d failed, %d warned of, %d passed)",
                verdict.status(),
                failed,
                warned,
                verdict.lines(Status.PASS).size());
    }
}
