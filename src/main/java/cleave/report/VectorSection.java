package cleave.report;

import static cleave.report.Markup.note;
import static cleave.report.Markup.tag;
import static cleave.report.Markup.text;

import cleave.analysis.Census;
import cleave.analysis.SiteCensus;
import cleave.report.HeatMap.Block;
import cleave.report.HeatMap.Shade;
import cleave.report.LineChart.Level;
import cleave.report.LineChart.Series;
import cleave.report.ReportData.Norm;
import cleave.report.ReportData.SiteVectors;
import cleave.report.ReportData.UniqueVectors;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// What the subcomponents read and write, how large they are and how often they are active.
final class VectorSection {
    private static final int MOST_ROWS = 40;
    private static final int MOST_WIDTH = 256;
    private static final int OPEN_SITES = 8;
    private static final double ROW = 15;
    private static final double HEAD = 20;
    private static final double LABELS = 58;

    private final ReportData data;
    private final ChartValues figures;

    private VectorSection(ReportData data, ChartValues figures) {
        this.data = data;
        this.figures = figures;
    }

    static String html(ReportData data, ChartValues figures) {
        VectorSection section = new VectorSection(data, figures);
        List<String> parts = new ArrayList<>();
        parts.add(
                note(
                        "V is what a subcomponent reads from its site's input, U what it writes. Only their product has a meaning, so both are scaled to length √norm, norm = |U| |V|, and signed so that the largest entry of V is positive. One colour scale per site. Frequency is the share of %s evaluation sequences with g > %s somewhere."
                                .formatted(
                                        Numbers.count(data.census().sample().sequences()),
                                        Numbers.of(data.census().threshold()))));
        for (SiteVectors site : data.sites()) {
            String name =
                    "%s: %s unique of %s"
                            .formatted(
                                    site.site(),
                                    Numbers.count(site.unique().size()),
                                    Numbers.count(site.count()));
            parts.add(
                    data.sites().size() <= OPEN_SITES
                            ? Markup.open(name, section.site(site))
                            : Markup.closed(name, section.site(site)));
        }
        return Markup.section("vectors", "Subcomponents: U, V, norm, frequency", parts);
    }

    private String site(SiteVectors site) {
        return maps(site) + tag("div", norms(site) + frequencies(site), "class", "row-of-charts");
    }

    private String maps(SiteVectors site) {
        if (site.unique().isEmpty()) {
            return note("No subcomponent of this site is unique.");
        }
        List<UniqueVectors> shown = site.unique().stream().limit(MOST_ROWS).toList();
        int in = Math.min(MOST_WIDTH, site.dIn());
        int out = Math.min(MOST_WIDTH, site.dOut());
        double most =
                shown.stream()
                        .flatMap(each ->
                                Stream.concat(each.reads().stream(), each.writes().stream()))
                        .mapToDouble(Math::abs)
                        .max()
                        .orElse(0);
        HeatMap map =
                new HeatMap(
                        "V and U of the unique subcomponents of " + site.site(),
                        "entry",
                        Shade.DIVERGING,
                        most);
        List<String> rows = shown.stream().map(each -> site.site() + ":" + each.index()).toList();
        double second = in * cell(in) + 24;
        double third = second + out * cell(out) + 16;
        map.label("label", 0, HEAD - 6, "V, reads %d inputs".formatted(site.dIn()));
        map.label("label", second, HEAD - 6, "U, writes %d outputs".formatted(site.dOut()));
        map.label("label", third, HEAD - 6, "norm");
        map.label("label", third + 56, HEAD - 6, "frequency");
        map.add(
                new Block(
                        0,
                        HEAD,
                        cell(in),
                        ROW,
                        rows,
                        names("V, input ", in),
                        part(shown, UniqueVectors::reads, in)));
        map.add(
                new Block(
                        second,
                        HEAD,
                        cell(out),
                        ROW,
                        rows,
                        names("U, output ", out),
                        part(shown, UniqueVectors::writes, out)));
        double y = HEAD + 11.5;
        for (UniqueVectors each : shown) {
            map.rowLabel("label", y, site.site() + ":" + each.index());
            map.label("label", third, y, Numbers.of(each.norm()));
            map.label("label", third + 56, y, Numbers.percent(each.frequency()));
            y += ROW;
        }
        return map.html(figures, LABELS, third + 116, HEAD + shown.size() * ROW + 2)
                + map.legend()
                + cut(site, shown.size(), in, out);
    }

    private static String cut(SiteVectors site, int rows, int in, int out) {
        List<String> cut = new ArrayList<>();
        if (rows < site.unique().size()) {
            cut.add("the %d most frequent of %d".formatted(rows, site.unique().size()));
        }
        if (in < site.dIn()) {
            cut.add("the first %d of %d inputs".formatted(in, site.dIn()));
        }
        if (out < site.dOut()) {
            cut.add("the first %d of %d outputs".formatted(out, site.dOut()));
        }
        return cut.isEmpty() ? "" : note("Drawn: " + String.join(", ", cut) + ".");
    }

    /// Narrow cells for wide vectors.
    private static double cell(int width) {
        return Math.clamp(480.0 / width, 2, 16);
    }

    private static List<String> names(String prefix, int width) {
        return IntStream.range(0, width).mapToObj(i -> prefix + i).toList();
    }

    private static List<List<Double>> part(
            List<UniqueVectors> shown, Function<UniqueVectors, List<Double>> vector, int width) {
        return shown.stream().map(each -> vector.apply(each).subList(0, width)).toList();
    }

    private String norms(SiteVectors site) {
        List<Norm> norms = site.norms();
        Series others = dots("not unique", "hue-none", norms, norm -> !norm.isUnique());
        Series unique = dots("unique", "hue0", norms, Norm::isUnique);
        return chart(
                "Norms",
                "|U| |V| of all %d subcomponents of %s, sorted; filled dots are unique"
                        .formatted(site.count(), site.site()),
                false,
                ranks(norms.size()),
                List.of(others, unique),
                List.of());
    }

    private static Series dots(
            String name, String style, List<Norm> norms, Function<Norm, Boolean> shown) {
        return new Series(
                name,
                "",
                style,
                norms.stream().map(norm -> shown.apply(norm) ? norm.norm() : Double.NaN).toList(),
                true);
    }

    private static List<Double> ranks(int count) {
        return IntStream.rangeClosed(1, count).mapToObj(rank -> (double) rank).toList();
    }

    private String frequencies(SiteVectors site) {
        SiteCensus census = data.census().sites().get(site.site());
        List<Double> seen = new ArrayList<>();
        if (census != null) {
            census.subcomponents().forEach(active -> seen.add(active.frequency()));
        }
        if (seen.isEmpty()) {
            return "";
        }
        seen.sort(Collections.reverseOrder());
        String title =
                "Share of %s sequences with g > %s somewhere, of the %d of %s with any, sorted"
                        .formatted(
                                Numbers.count(data.census().sample().sequences()),
                                Numbers.of(data.census().threshold()),
                                seen.size(),
                                site.site());
        return chart(
                "Frequencies",
                title,
                true,
                ranks(seen.size()),
                List.of(new Series("share of sequences", "", "hue0", seen, true)),
                Census.FLOORS.stream()
                        .filter(floor -> floor > 0)
                        .map(floor -> new Level("floor " + Numbers.roundPercent(floor), floor))
                        .toList());
    }

    private String chart(
            String name,
            String title,
            boolean logarithmic,
            List<Double> x,
            List<Series> series,
            List<Level> levels) {
        return tag(
                "figure",
                tag("figcaption", tag("b", text(name)) + " " + text(title + "."))
                        + new LineChart(title, "rank", "", logarithmic, 340, 180, x, series, levels)
                                .html(figures));
    }
}
