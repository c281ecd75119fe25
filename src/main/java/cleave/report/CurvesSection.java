package cleave.report;

import static cleave.report.Markup.note;
import static cleave.report.Markup.tag;
import static cleave.report.Markup.text;

import cleave.report.LineChart.Series;
import cleave.run.MetricsLog;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/// How training went.
public final class CurvesSection {
    private static final int MOST_POINTS = 400;
    private static final int HUES = 8;
    private static final Set<String> NO_LOSS =
            Set.of(
                    "active_per_sequence",
                    "learning_rate",
                    "gradient_norm_subcomponents",
                    "gradient_norm_gates",
                    "session_seconds");

    private final ReportData.Origin origin;
    private final int logged;
    private final ChartValues figures;
    private final List<MetricsLog.Line> lines;

    private CurvesSection(
            ReportData.Origin origin, List<MetricsLog.Line> metrics, ChartValues figures) {
        this.origin = origin;
        this.figures = figures;
        logged = metrics.size();
        lines = thinned(metrics);
    }

    public static String html(
            ReportData.Origin origin, List<MetricsLog.Line> metrics, ChartValues figures) {
        return Markup.section(
                "curves", "Training", new CurvesSection(origin, metrics, figures).parts());
    }

    private List<String> parts() {
        if (lines.isEmpty()) {
            return List.of(note("Nothing was logged yet."));
        }
        return List.of(
                note(
                        "Loss terms on training batches of %s sequences, each without its coefficient; total is their sum with coefficients. %s of %s logged steps are drawn, on a logarithmic axis that leaves out zeros."
                                .formatted(
                                        Numbers.count(origin.batch()),
                                        Numbers.count(lines.size()),
                                        Numbers.count(logged))),
                losses(),
                tag(
                        "div",
                        small(
                                        "Active per sequence",
                                        "Subcomponents with g > 0.5 somewhere in a sequence, all sites, mean over the training batch",
                                        false,
                                        List.of("active_per_sequence"))
                                + small(
                                        "Learning rate",
                                        "Learning rate of U, V and what predicts g",
                                        false,
                                        List.of("learning_rate"))
                                + small(
                                        "Gradient norms",
                                        "Norm of the gradients before clipping: a of U and V, b of what predicts g",
                                        true,
                                        List.of(
                                                "gradient_norm_subcomponents",
                                                "gradient_norm_gates")),
                        "class",
                        "row-of-charts"));
    }

    /// Evenly many of the logged steps, with the first and the last.
    private static List<MetricsLog.Line> thinned(List<MetricsLog.Line> all) {
        if (all.size() <= MOST_POINTS) {
            return all;
        }
        return IntStream.range(0, MOST_POINTS)
                .mapToObj(i -> all.get((int) ((long) i * (all.size() - 1) / (MOST_POINTS - 1))))
                .toList();
    }

    private List<Double> steps() {
        return lines.stream().map(line -> (double) line.step()).toList();
    }

    private List<Double> values(String name) {
        return lines.stream()
                .map(line -> {
                    Double value = line.values().get(name);
                    return value == null ? Double.NaN : value;
                })
                .toList();
    }

    private String losses() {
        Set<String> names = new LinkedHashSet<>();
        lines.forEach(line -> names.addAll(line.values().keySet()));
        names.removeAll(NO_LOSS);
        List<Series> series = new ArrayList<>();
        for (String name : names) {
            int at = series.size();
            series.add(
                    new Series(
                            name.replace('_', ' '),
                            letter(at),
                            name.equals("total") ? "ink" : hue(at),
                            values(name),
                            false));
        }
        LineChart chart =
                new LineChart(
                        "Losses by step", "step", "", true, 680, 380, steps(), series, List.of());
        return tag("div", chart.html(figures) + legend(series), "class", "with-legend");
    }

    private static String letter(int at) {
        return at < 26 ? Character.toString('a' + at) : Integer.toString(at);
    }

    private static String hue(int at) {
        return "hue" + (at - 1 + HUES) % HUES + (at > HUES ? " dashed" : "");
    }

    private String legend(List<Series> series) {
        StringBuilder rows = new StringBuilder();
        for (int i = 0; i < series.size(); i++) {
            Series curve = series.get(i);
            rows.append(
                    tag(
                            "tr",
                            tag(
                                            "th",
                                            tag(
                                                            "span",
                                                            text(curve.letter()),
                                                            "class",
                                                            "key " + curve.style())
                                                    + text(" " + curve.name()),
                                            "scope",
                                            "row")
                                    + tag(
                                            "td",
                                            text(Numbers.of(curve.y().getLast())),
                                            "data-series",
                                            Integer.toString(i))));
        }
        return tag(
                "table",
                tag(
                                "thead",
                                tag(
                                        "tr",
                                        tag("th", text("term"), "scope", "col")
                                                + tag(
                                                        "th",
                                                        text(
                                                                "at step "
                                                                        + Numbers.count(
                                                                                lines.getLast()
                                                                                        .step())),
                                                        "scope",
                                                        "col",
                                                        "data-at",
                                                        "step")))
                        + tag("tbody", rows.toString()),
                "class",
                "keys");
    }

    private String small(String name, String title, boolean logarithmic, List<String> metrics) {
        List<Series> series = new ArrayList<>();
        for (String metric : metrics) {
            series.add(
                    new Series(
                            metric.replace('_', ' '),
                            metrics.size() == 1 ? "" : letter(series.size()),
                            "hue" + series.size(),
                            values(metric),
                            false));
        }
        return tag(
                "figure",
                tag("figcaption", tag("b", text(name)) + " " + text(title + "."))
                        + new LineChart(
                                        title,
                                        "step",
                                        "",
                                        logarithmic,
                                        340,
                                        180,
                                        steps(),
                                        series,
                                        List.of())
                                .html(figures));
    }
}
