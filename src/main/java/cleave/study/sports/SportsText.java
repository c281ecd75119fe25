package cleave.study.sports;

import cleave.command.Tables;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// What was found, as text: one table with a column for each subject, and one sentence for each.
final class SportsText {
    /// Characters of the tokens at which a piece is active, and of a subject's name.
    private static final int TOKENS = 24;

    private static final int NAME = 16;

    private SportsText() {}

    /// A text that is at most so long, cut where it is longer.
    static String shortened(String text, int most) {
        return text.length() <= most ? text : text.substring(0, most - 3) + "...";
    }

    /// The pieces of each subject, the table, and the sentences.
    static String of(SportsReport report) {
        StringBuilder text = new StringBuilder();
        report.subjects()
                .forEach((subject, found) -> text.append(pieces(subject, found)).append('\n'));
        List<String> head = new ArrayList<>(List.of(""));
        report.subjects().keySet().forEach(name -> head.add(shortened(name, NAME)));
        Tables table = new Tables(head);
        List<SubjectReport> all = List.copyOf(report.subjects().values());
        row(table, "answer", all, SubjectReport::topic);
        row(table, "pieces suppressed", all, each -> "%d".formatted(each.pieces()));
        row(table, "probability before", all, each -> Tables.percent(each.before()));
        row(table, "probability after", all, each -> Tables.percent(each.after()));
        row(
                table,
                "fall, times",
                all,
                each -> String.format(Locale.ROOT, "%.1f", each.before() / each.after()));
        row(table, "rank after", all, each -> "%d".formatted(each.rankAfter()));
        row(table, "other subject keeps", all, each -> share(each.otherSubjectKept()));
        row(table, "others, other answers, keep", all, each -> share(each.othersKept()));
        row(table, "others, same answer, keep", all, each -> share(each.sameKept()));
        row(table, "smallest fall, other phrasings", all, each -> times(each.phrasingsFall()));
        row(table, "reverse question keeps", all, each -> share(each.reverseKept()));
        row(table, "other uses of the word keep", all, each -> share(each.usesKept()));
        row(
                table,
                "capitals right, before and after",
                all,
                each ->
                        String.format(
                                Locale.ROOT,
                                "%.0f, %.0f %%",
                                100 * each.capitalsBefore(),
                                100 * each.capitalsAfter()));
        row(table, "KL on held-out text, nats a token", all, each -> Tables.loss(each.textKl()));
        row(
                table,
                "99th percentile of it",
                all,
                each -> each.textKlP99() == null ? "-" : Tables.loss(each.textKlP99()));
        row(table, "largest control, share of the fall", all, each -> share(each.controlShare()));
        row(table, "the paper's rule: pieces", all, each -> "%d".formatted(each.rule().pieces()));
        row(
                table,
                "the rule's: other subject keeps",
                all,
                each -> share(each.rule().otherSubjectKept()));
        row(table, "the rule's: KL", all, each -> Tables.loss(each.rule().textKl()));
        row(table, "found", all, SubjectReport::found);
        text.append(table).append('\n');
        report.subjects()
                .forEach((subject, found) -> {
                    if (found.full() != null) {
                        text.append(full(subject, found.full())).append('\n');
                    }
                });
        report.subjects()
                .forEach((subject, found) ->
                        text.append(subject).append(": ").append(found.sentence()).append('\n'));
        return text.toString().replace("\n", System.lineSeparator());
    }

    private static String pieces(String subject, SubjectReport found) {
        Tables table = new Tables(List.of(subject, "active at", "fall alone", "other subject"));
        for (SubjectReport.Piece each : found.candidates()) {
            if (found.pieceIds().contains(each.id())) {
                table.row(
                        List.of(
                                each.id(),
                                shortened(String.join("|", each.at()), TOKENS),
                                String.format(Locale.ROOT, "%.2f", each.fall()),
                                String.format(Locale.ROOT, "%.2f", each.otherFall())));
            }
        }
        return table.toString();
    }

    /// What else would take the answer away, the pieces in other runs, and what they do.
    private static String full(String subject, SubjectReport.Full full) {
        StringBuilder text = new StringBuilder();
        Tables baselines =
                new Tables(
                        List.of(
                                shortened(subject, NAME),
                                "parts",
                                "after",
                                "rank",
                                "other",
                                "others keep",
                                "uses keep",
                                "KL"));
        for (SubjectReport.Baseline each : full.baselines()) {
            baselines.row(
                    List.of(
                            each.kind(),
                            "%d".formatted(each.ids().size()),
                            Tables.percent(each.after()),
                            "%d".formatted(each.rankAfter()),
                            share(each.otherSubjectKept()),
                            share(each.othersKept()),
                            share(each.usesKept()),
                            Tables.loss(each.textKl())));
        }
        text.append(baselines).append('\n');
        if (!full.again().isEmpty()) {
            Tables again = new Tables(List.of("piece", "in another run", "cosine", "by chance"));
            for (SubjectReport.Again each : full.again()) {
                again.row(
                        List.of(
                                each.id(),
                                each.match(),
                                Tables.mean(each.cosine()),
                                Tables.mean(each.chance())));
            }
            text.append(again).append('\n');
        }
        for (SubjectReport.Tokens each : full.tokens()) {
            text.append(each.id())
                    .append(System.lineSeparator())
                    .append(line("lowered without it", each.lowered()))
                    .append(line("raised without it", each.raised()))
                    .append(line("reads", each.reads()))
                    .append(line("writes", each.writes()));
        }
        return text.toString();
    }

    private static String line(String what, List<String> tokens) {
        return tokens.isEmpty()
                ? ""
                : "  %s:%s%s"
                        .formatted(
                                what,
                                tokens.stream()
                                        .map(each -> " \"" + each.replace("\n", "\\n") + "\"")
                                        .reduce("", String::concat),
                                System.lineSeparator());
    }

    private static void row(
            Tables table,
            String name,
            List<SubjectReport> subjects,
            Function<SubjectReport, String> cell) {
        List<String> cells = new ArrayList<>(List.of(name));
        subjects.forEach(each -> cells.add(cell.apply(each)));
        table.row(cells);
    }

    private static String share(@Nullable Double value) {
        return value == null ? "-" : String.format(Locale.ROOT, "%.1f %%", 100 * value);
    }

    private static String times(@Nullable Double value) {
        return value == null ? "-" : String.format(Locale.ROOT, "%.1f", value);
    }
}
