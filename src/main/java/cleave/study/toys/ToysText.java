package cleave.study.toys;

import cleave.command.Tables;
import cleave.study.toys.ToySuite.Check;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/// The outcome of `cleave toys`, for people and for programs.
final class ToysText {
    private static final double WHOLE = 1e6;

    private ToysText() {}

    /// One table of every check, and a line for each toy.
    static String of(List<ToyVerdict> verdicts) {
        Tables table =
                new Tables(
                        List.of("toy", "figure", "ours", "bound", "SPD paper", "APD", "verdict"));
        List<String> lines = new ArrayList<>();
        for (ToyVerdict verdict : verdicts) {
            for (Check check : verdict.toy().checks()) {
                table.row(
                        List.of(
                                verdict.toy().name(),
                                check.metric(),
                                verdict.rows().stream()
                                        .map(row -> number(row.number(check.metric())))
                                        .collect(Collectors.joining(" ")),
                                bound(check),
                                check.spd().orElse(""),
                                check.apd().orElse(""),
                                words(verdict, check)));
            }
            lines.add(line(verdict));
        }
        return table
                + System.lineSeparator()
                + String.join(System.lineSeparator(), lines)
                + System.lineSeparator();
    }

    private static String words(ToyVerdict verdict, Check check) {
        if (!check.isBound()) {
            return "";
        }
        int holding = verdict.holding(check);
        int all = verdict.rows().size();
        String words = holding == all ? "ok" : all == 1 ? "missed" : holding + " of " + all;
        return verdict.isControl() ? "control: " + words : words;
    }

    private static String line(ToyVerdict verdict) {
        String seeds =
                verdict.rows().stream()
                        .map(row ->
                                "%d (%s s, %s)"
                                        .formatted(
                                                row.key().seed(),
                                                row.facts().getOrDefault("seconds", "?"),
                                                row.facts().getOrDefault("date", "?")))
                        .collect(Collectors.joining(", "));
        return "%s, %s settings: %d of %d %s; seeds %s"
                .formatted(
                        verdict.toy().name(),
                        verdict.rows().getFirst().key().settings(),
                        verdict.passing(),
                        verdict.rows().size(),
                        verdict.isControl() ? "would pass (a control)" : "pass",
                        seeds);
    }

    private static String bound(Check check) {
        String least = check.atLeast().map(ToysText::number).orElse("");
        String most = check.atMost().map(ToysText::number).orElse("");
        if (check.atLeast().equals(check.atMost())) {
            return least;
        }
        return least.isEmpty()
                ? "<= " + most
                : most.isEmpty() ? ">= " + least : least + " .. " + most;
    }

    private static String number(double value) {
        if (!Double.isFinite(value)) {
            return "none";
        }
        if (value == Math.rint(value) && Math.abs(value) < WHOLE) {
            return Long.toString((long) value);
        }
        return Math.abs(value) >= 1e-3
                ? new BigDecimal(value)
                        .round(new MathContext(5))
                        .stripTrailingZeros()
                        .toPlainString()
                : String.format(Locale.ROOT, "%.1e", value);
    }

    /// The same as a tree.
    static Map<String, Object> json(List<ToyVerdict> verdicts, boolean fine) {
        List<Map<String, Object>> toys = new ArrayList<>();
        for (ToyVerdict verdict : verdicts) {
            Map<String, Object> toy = new LinkedHashMap<>();
            toy.put("name", verdict.toy().name());
            toy.put("control", verdict.isControl());
            toy.put("passing", verdict.passing());
            toy.put(
                    "checks",
                    verdict.toy().checks().stream().map(check -> json(verdict, check)).toList());
            toy.put("rows", verdict.rows().stream().map(ToysText::json).toList());
            toys.add(toy);
        }
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("fine", fine);
        all.put("toys", toys);
        return all;
    }

    private static Map<String, Object> json(ToyVerdict verdict, Check check) {
        Map<String, Object> one = new LinkedHashMap<>();
        one.put("metric", check.metric());
        one.put("values", verdict.rows().stream().map(row -> row.number(check.metric())).toList());
        check.atLeast().ifPresent(bound -> one.put("at_least", bound));
        check.atMost().ifPresent(bound -> one.put("at_most", bound));
        check.spd().ifPresent(value -> one.put("spd", value));
        check.apd().ifPresent(value -> one.put("apd", value));
        one.put("holding", verdict.holding(check));
        return one;
    }

    private static Map<String, Object> json(ToyRow row) {
        Map<String, Object> one = new LinkedHashMap<>();
        one.put("seed", row.key().seed());
        one.put("settings", row.key().settings());
        one.put("numbers", row.numbers());
        one.put("facts", row.facts());
        return one;
    }
}
