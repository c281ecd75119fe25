package cleave.sweep;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// A summary for people: one line for each figure, one column for each combination of varied
/// values, `mean +- deviation` in each place. Where nothing but the seed differs, a column for each
/// run stands beside.
public final class SummaryText {
    private SummaryText() {}

    /// The table, without a rule, as rows of cells; the first is its head.
    ///
    /// @param rows of which `summary` is the summary
    public static List<List<String>> table(Summary summary, List<Row> rows) {
        List<Row> alone =
                summary.groups().size() == 1
                        ? rows.stream().filter(Row::finished).toList()
                        : List.of();
        List<List<String>> table = new ArrayList<>();
        List<String> head = new ArrayList<>(List.of("figure"));
        List<String> runs = new ArrayList<>(List.of("runs finished"));
        List<String> failed = new ArrayList<>(List.of("runs failed"));
        for (Summary.Group group : summary.groups()) {
            head.add(title(group.vary(), summary.groups().size() == 1));
            runs.add(Integer.toString(group.finished()));
            failed.add(Integer.toString(group.failed()));
        }
        alone.forEach(row -> head.add("seed " + row.seed()));
        table.addAll(List.of(head, runs, failed));
        for (String name : summary.names()) {
            List<String> line = new ArrayList<>(List.of(name));
            summary.groups().forEach(group -> line.add(text(name, group.figures().get(name))));
            alone.forEach(row -> line.add(text(name, row)));
            table.add(line);
        }
        return table;
    }

    private static String text(String name, Summary.@Nullable Spread spread) {
        if (spread == null) {
            return "";
        }
        String mean = RowFigures.text(name, spread.mean());
        return spread.runs() > 1 ? mean + " +- " + RowFigures.text(name, spread.deviation()) : mean;
    }

    private static String text(String name, Row row) {
        Double value =
                name.equals(Summary.MINUTES)
                        ? Double.valueOf(row.minutes())
                        : row.figures().get(name);
        return value == null ? "" : RowFigures.text(name, value);
    }

    private static String title(Map<String, String> vary, boolean only) {
        return vary.isEmpty()
                ? only ? "all seeds" : "no change"
                : vary.entrySet().stream()
                        .map(entry -> Cell.lastName(entry.getKey()) + "=" + entry.getValue())
                        .collect(Collectors.joining(" "));
    }
}
