package cleave.cli;

import cleave.config.UserError;
import cleave.report.PointPicture;
import cleave.sweep.Row;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// A picture of two figures of a sweep's runs.
///
/// @param x name of a figure
/// @param y name of a figure
/// @param label name of the figure that stands beside each point
record SweepPlot(String x, String y, Optional<String> label) {
    private static final List<String> FAMILIES =
            List.of("unique", "unique_without_floor", "kl", "accuracy", "active");

    /// @param more families of figures beside those of a census
    /// @throws UserError when it is not two or three names
    static SweepPlot parse(String names, List<String> more) {
        Pattern figure =
                Pattern.compile(
                        "(%s)\\.[\\w.]+|faithfulness"
                                .formatted(
                                        Stream.concat(FAMILIES.stream(), more.stream())
                                                .collect(Collectors.joining("|"))));
        List<String> parts = List.of(names.split(",", -1));
        if (parts.size() < 2
                || parts.size() > 3
                || !parts.stream().allMatch(name -> figure.matcher(name).matches())) {
            throw new UserError(
                    "--plot must be X,Y or X,Y,LABEL, names of figures as in rows.csv such as unique.all or kl.importance, got %s"
                            .formatted(names));
        }
        return new SweepPlot(parts.get(0), parts.get(1), parts.stream().skip(2).findFirst());
    }

    /// The name of its file.
    String file() {
        return "%s-%s%s.svg".formatted(x, y, label.map(name -> "-" + name).orElse(""));
    }

    /// The file's text.
    ///
    /// @throws UserError when no finished run has such a figure
    String svg(List<Row> rows) {
        List<Row> finished = rows.stream().filter(Row::finished).toList();
        requireKnown(x, finished);
        requireKnown(y, finished);
        label.ifPresent(name -> requireKnown(name, finished));
        return new PointPicture(
                        x,
                        y,
                        finished.stream()
                                .map(row ->
                                        new PointPicture.Point(
                                                value(row, x),
                                                value(row, y),
                                                label.map(name -> text(value(row, name)))
                                                        .orElse(""),
                                                title(row, label)))
                                .toList())
                .svg();
    }

    private static void requireKnown(String name, List<Row> finished) {
        if (!finished.isEmpty()
                && finished.stream().noneMatch(row -> row.figures().containsKey(name))) {
            throw new UserError(
                    "--plot must name figures among %s, got %s"
                            .formatted(finished.getFirst().figures().keySet(), name));
        }
    }

    private static double value(Row row, String name) {
        @Nullable Double value = row.figures().get(name);
        return value == null ? Double.NaN : value;
    }

    private static String text(double value) {
        return Double.isFinite(value) ? String.format(Locale.ROOT, "%.3g", value) : "";
    }

    private static String title(Row row, Optional<String> label) {
        String run = row.vary().isEmpty() ? row.run() : row.run() + " " + row.vary();
        return label.map(name -> "%s, %s %s".formatted(run, name, text(value(row, name))))
                .orElse(run);
    }
}
