package cleave.study.facts;

import static cleave.report.Markup.note;

import cleave.report.ChartValues;
import cleave.report.HeatMap;
import cleave.report.HeatMap.Block;
import cleave.report.HeatMap.Shade;
import cleave.report.Markup;
import cleave.report.Numbers;
import cleave.report.ReportData;
import cleave.report.Table;
import cleave.study.facts.FactsFile.Asked;
import cleave.study.facts.FactsFile.FactRow;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;

/// What suppressing each fact's own subcomponents changes, where `cleave facts` was run.
final class FactsSection {
    private static final List<String> ASKED =
            List.of(
                    "own answer",
                    "paraphrases",
                    "same sport",
                    "other sports",
                    "reverse",
                    "other text");
    private static final List<String> CONTROLS =
            List.of("active elsewhere", "inactive", "singular");
    private static final double CELL = 24;
    private static final double ROW = 13;
    private static final double GAP = 7;
    private static final double BESIDE = 14;
    private static final double HEAD = 116;
    private static final double LABELS = 150;

    private FactsSection() {}

    static String html(Asked facts, ReportData.Origin origin, ChartValues figures) {
        List<String> parts = new ArrayList<>();
        if (facts.step() != origin.step()) {
            parts.add(
                    note(
                            "facts.json is of step %s and this page of step %s: run cleave facts again."
                                    .formatted(
                                            Numbers.count(facts.step()),
                                            Numbers.count(origin.step()))));
        } else {
            parts.add(
                    note(
                            "Each row suppresses the subcomponents that one athlete's sport rests on, at most %d, %s: those active (importance above %s)%s%s (cleave facts). Own answer: the part of its probability that is lost. Then the share of questions whose top answer changed. Right: the relative change of the own answer when others are suppressed in their place."
                                    .formatted(
                                            facts.most(),
                                            where(facts.at()),
                                            Numbers.of(facts.threshold()),
                                            facts.atName() ? " at a token of the name" : "",
                                            rare(facts))));
            HeatMap map =
                    new HeatMap(
                            "What suppressing each athlete's own subcomponents changes, as a share",
                            "changed",
                            Shade.LINEAR,
                            1);
            parts.add(map.legend());
            parts.add(picture(map, facts, figures));
            parts.add(table(facts));
        }
        return Markup.section("facts", "Facts", parts);
    }

    private static String where(String at) {
        return at.toLowerCase(Locale.ROOT).equals("active")
                ? "at the positions where each is active"
                : "at every position";
    }

    private static String rare(Asked facts) {
        return facts.rare() >= 1
                ? ""
                : " and on at most %s of %s other prompts"
                        .formatted(
                                Numbers.roundPercent(facts.rare()),
                                Numbers.count(facts.sequences()));
    }

    private static String picture(HeatMap map, Asked facts, ChartValues figures) {
        double controls = ASKED.size() * CELL + BESIDE;
        columns(map, ASKED, 0);
        columns(map, CONTROLS, controls);
        double y = HEAD;
        for (Map.Entry<String, List<FactRow>> sport : bySport(facts).entrySet()) {
            List<FactRow> rows = sport.getValue();
            map.rowLabel("label quiet", y + 10, sport.getKey());
            y += ROW;
            List<String> names = rows.stream().map(FactRow::athlete).toList();
            map.add(new Block(0, y, CELL, ROW, names, ASKED, values(rows, FactRow::changed)));
            map.add(
                    new Block(
                            controls,
                            y,
                            CELL,
                            ROW,
                            names,
                            CONTROLS,
                            values(rows, FactRow::controls)));
            for (String name : names) {
                map.rowLabel("label", y + 10, name);
                y += ROW;
            }
            y += GAP;
        }
        return map.html(figures, LABELS, controls + CONTROLS.size() * CELL + 4, y);
    }

    private static void columns(HeatMap map, List<String> names, double from) {
        for (int column = 0; column < names.size(); column++) {
            map.upright("label", from + column * CELL + 16, HEAD - 5, names.get(column));
        }
    }

    private static Map<String, List<FactRow>> bySport(Asked facts) {
        Map<String, List<FactRow>> sports = new LinkedHashMap<>();
        facts.rows()
                .forEach(row ->
                        sports.computeIfAbsent(row.sport(), _ -> new ArrayList<>()).add(row));
        return sports;
    }

    private static List<List<Double>> values(
            List<FactRow> rows, Function<FactRow, List<Double>> part) {
        return rows.stream().map(part).toList();
    }

    private static String table(Asked facts) {
        Table table =
                new Table("Over %s facts".formatted(Numbers.count(facts.rows().size())))
                        .head("", "median", "a quarter below", "a quarter above");
        facts.summary()
                .forEach((name, figures) ->
                        table.row(name, figures.stream().map(Numbers::of).toList()));
        return table.html();
    }
}
