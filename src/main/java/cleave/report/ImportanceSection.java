package cleave.report;

import static cleave.report.Markup.note;
import static cleave.report.Markup.tag;
import static cleave.report.Markup.text;

import cleave.analysis.Census;
import cleave.report.HeatMap.Block;
import cleave.report.HeatMap.Shade;
import cleave.report.ReportData.Example;
import cleave.report.ReportData.MarkImportances;
import cleave.report.ReportData.Row;
import cleave.report.ReportData.SiteMarks;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;

/// Where in a sequence which subcomponents matter.
final class ImportanceSection {
    private static final int MOST_ROWS = 24;
    private static final int MOST_POSITIONS = 192;
    private static final double CELL = 15;
    private static final double ROW = 13;
    private static final double GAP = 7;
    private static final double HEAD = 48;
    private static final double LABELS = 58;

    private final ReportData data;
    private final ChartValues figures;

    private ImportanceSection(ReportData data, ChartValues figures) {
        this.data = data;
        this.figures = figures;
    }

    static String html(ReportData data, ChartValues figures) {
        return Markup.section(
                "importance",
                "Importance by token and site",
                new ImportanceSection(data, figures).parts());
    }

    private List<String> parts() {
        List<String> parts = new ArrayList<>();
        if (data.examples().stream().allMatch(example -> rows(example) == 0)) {
            parts.add(note("No subcomponent is unique, so there is no importance to show."));
        } else {
            parts.add(
                    note(
                            "Importance g of the unique subcomponents on the first %d sequences of the evaluation stream. Rows are SITE:INDEX, in each site the most frequent first%s; columns are tokens. The model runs unmasked."
                                    .formatted(data.examples().size(), left())));
            parts.add(map(Shade.LINEAR).legend());
            for (Example example : data.examples()) {
                String name = "Sequence " + example.index();
                parts.add(
                        example.equals(data.examples().getFirst())
                                ? Markup.open(name, picture(example))
                                : Markup.closed(name, picture(example)));
            }
        }
        parts.add(
                data.marks()
                        .map(this::marks)
                        .orElse(
                                note(
                                        "This task marks no positions, so there are no means at marks.")));
        return parts;
    }

    private static int rows(Example example) {
        return example.importances().values().stream().mapToInt(List::size).sum();
    }

    private String left() {
        long left =
                data.examples().getFirst().importances().values().stream()
                        .mapToLong(rows -> Math.max(0, rows.size() - MOST_ROWS))
                        .sum();
        return left == 0
                ? ""
                : ", at most %d each (%s are left out)".formatted(MOST_ROWS, Numbers.count(left));
    }

    private static HeatMap map(Shade shade) {
        return new HeatMap("Importance by token and subcomponent", "g", shade, 1);
    }

    private String picture(Example example) {
        int length = Math.min(MOST_POSITIONS, example.tokens().size());
        HeatMap map =
                new HeatMap(
                        "Importance g by token and subcomponent on sequence " + example.index(),
                        "g",
                        Shade.LINEAR,
                        1);
        List<String> columns = PositionNames.names(example, length);
        double y = HEAD;
        for (Map.Entry<String, List<Row>> site : example.importances().entrySet()) {
            List<Row> rows = site.getValue().stream().limit(MOST_ROWS).toList();
            if (rows.isEmpty()) {
                map.rowLabel("label quiet", y + 10, site.getKey() + " none");
                y += ROW + GAP;
                continue;
            }
            map.add(
                    new Block(
                            0,
                            y,
                            CELL,
                            ROW,
                            rows.stream().map(row -> site.getKey() + ":" + row.index()).toList(),
                            columns,
                            rows.stream().map(row -> row.values().subList(0, length)).toList()));
            for (Row row : rows) {
                map.rowLabel("label", y + 10, site.getKey() + ":" + row.index());
                y += ROW;
            }
            y += GAP;
        }
        tokens(map, example, length, y - GAP);
        String note =
                length < example.tokens().size()
                        ? note(
                                "The first %d of %d positions."
                                        .formatted(length, example.tokens().size()))
                        : "";
        return map.html(figures, LABELS, length * CELL + 4, y) + note;
    }

    private static void tokens(HeatMap map, Example example, int length, double bottom) {
        Map<Integer, String> marked = PositionNames.marked(example, length);
        map.rowLabel("label quiet", HEAD - 6, "token");
        for (int position = 0; position < length; position++) {
            map.upright(
                    marked.containsKey(position) ? "label marked" : "label",
                    position * CELL + 11,
                    HEAD - 5,
                    example.tokens().get(position));
        }
        map.startAt(CELL * marked.keySet().stream().findFirst().orElse(0));
        marked.forEach((position, names) -> {
            map.label("label marked", position * CELL + 1, 11, names);
            map.line(position * CELL, 14, position * CELL, bottom);
            map.line((position + 1) * CELL, 14, (position + 1) * CELL, bottom);
        });
    }

    private String marks(MarkImportances marks) {
        List<String> titles = new ArrayList<>(List.of("site"));
        titles.addAll(marks.marks());
        Table sums =
                new Table(
                                "Sum of g over all subcomponents of a site, mean over %s evaluation sequences"
                                        .formatted(Numbers.count(marks.sequences())))
                        .head(titles.toArray(String[]::new));
        marks.sites().forEach((site, at) -> sums.row(site, numbers(at.sum())));
        return tag("h3", text("At the marks")) + sums.html() + ofSubcomponents(marks);
    }

    private static List<String> numbers(List<Double> values) {
        return values.stream().map(value -> Numbers.fixed(value, 3)).toList();
    }

    /// A picture with its numbers in it: one row for each unique subcomponent.
    private String ofSubcomponents(MarkImportances marks) {
        HeatMap map =
                new HeatMap(
                        "Mean importance g of unique subcomponents at the marks",
                        "mean g",
                        Shade.LINEAR,
                        1);
        double width = 62;
        double x = 62;
        double y = 22;
        double low = y;
        for (Map.Entry<String, SiteMarks> site : marks.sites().entrySet()) {
            List<Row> rows = site.getValue().unique().stream().limit(MOST_ROWS).toList();
            if (rows.isEmpty()) {
                continue;
            }
            if (y > 22 && y + rows.size() * 17 > 22 + MOST_ROWS * 17) {
                x += 62 + marks.marks().size() * width + 26;
                y = 22;
            }
            List<Row> shown = rows;
            double top = y;
            map.add(
                    new Block(
                            x,
                            top,
                            width,
                            17,
                            shown.stream().map(row -> site.getKey() + ":" + row.index()).toList(),
                            marks.marks(),
                            shown.stream().map(Row::values).toList()));
            for (int i = 0; i < shown.size(); i++) {
                double line = top + i * 17 + 12.5;
                map.label("label", x - 58, line, site.getKey() + ":" + shown.get(i).index());
                for (int mark = 0; mark < marks.marks().size(); mark++) {
                    map.label(
                            "label",
                            x + mark * width + 14,
                            line,
                            Numbers.fixed(shown.get(i).values().get(mark), 3));
                }
            }
            if (Double.compare(top, 22) == 0) {
                double column = x;
                IntStream.range(0, marks.marks().size())
                        .forEach(mark ->
                                map.label(
                                        "label marked",
                                        column + mark * width + 14,
                                        15,
                                        marks.marks().get(mark)));
            }
            y += shown.size() * 17 + GAP;
            low = Math.max(low, y);
        }
        if (marks.sites().values().stream().allMatch(site -> site.unique().isEmpty())) {
            return "";
        }
        return note(
                        "Mean g of each subcomponent that is unique (g > %s in at least %s of sequences), over the same %s sequences%s."
                                .formatted(
                                        Numbers.of(data.census().threshold()),
                                        Numbers.roundPercent(Census.FLOOR),
                                        Numbers.count(marks.sequences()),
                                        left()))
                + map.html(figures, 0, x + marks.marks().size() * width + 4, low);
    }
}
