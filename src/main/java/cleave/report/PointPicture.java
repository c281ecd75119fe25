package cleave.report;

import static cleave.report.Markup.empty;
import static cleave.report.Markup.tag;
import static cleave.report.Markup.text;
import static cleave.report.Numbers.px;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// Named points of two figures, as an SVG file that stands alone.
///
/// @param xName what x is
/// @param yName what y is; logarithmic where all are positive and the largest is ten times the
///   smallest or more
/// @param points what is drawn; one that is not finite is left out
public record PointPicture(String xName, String yName, List<Point> points) {
    private static final double WIDTH = 560;
    private static final double HEIGHT = 360;
    private static final double LEFT = 64;
    private static final double RIGHT = 48;
    private static final double TOP = 16;
    private static final double BOTTOM = 44;
    private static final String STYLE =
            "text{font:12px sans-serif;fill:#333}.grid{stroke:#ddd}circle{fill:#2563a8}"
                    + ".front{fill:none;stroke:#2563a8;stroke-opacity:.5}";

    /// A point.
    ///
    /// @param label beside it, where no earlier one stands there; empty for none
    /// @param title what it is, shown on pointing at it
    public record Point(double x, double y, String label, String title) {
        private boolean isDrawn() {
            return Double.isFinite(x) && Double.isFinite(y);
        }
    }

    /// The file's text.
    public String svg() {
        return svg(false);
    }

    /// The file's text with a line through the front: the points of which no other has less of
    /// both, or of one and as little of the other.
    public String svgWithFront() {
        return svg(true);
    }

    /// The points of the front, by x.
    public List<Point> front() {
        List<Point> front = new ArrayList<>();
        double least = Double.POSITIVE_INFINITY;
        List<Point> byX =
                points.stream()
                        .filter(Point::isDrawn)
                        .sorted(Comparator.comparingDouble(Point::x).thenComparingDouble(Point::y))
                        .toList();
        for (Point point : byX) {
            if (point.y < least) {
                least = point.y;
                front.add(point);
            }
        }
        return List.copyOf(front);
    }

    private String svg(boolean withFront) {
        List<Point> drawn = points.stream().filter(Point::isDrawn).toList();
        double[] x = drawn.stream().mapToDouble(Point::x).toArray();
        double[] y = drawn.stream().mapToDouble(Point::y).toArray();
        Axis across = Axis.of(x.length == 0 ? new double[] {0, 1} : x, false, LEFT, WIDTH - RIGHT);
        Axis up = Axis.of(y.length == 0 ? new double[] {0, 1} : y, wide(y), HEIGHT - BOTTOM, TOP);
        StringBuilder svg = new StringBuilder(tag("style", STYLE));
        svg.append(empty("rect", "width", px(WIDTH), "height", px(HEIGHT), "style", "fill:#fff"));
        for (double tick : across.ticks) {
            String at = px(across.at(tick));
            svg.append(line(at, px(TOP), at, px(HEIGHT - BOTTOM)));
            svg.append(label(at, px(HEIGHT - BOTTOM + 16), "middle", Numbers.of(tick)));
        }
        for (double tick : up.ticks) {
            String at = px(up.at(tick));
            svg.append(line(px(LEFT), at, px(WIDTH - RIGHT), at));
            svg.append(label(px(LEFT - 6), px(up.at(tick) + 4), "end", Numbers.of(tick)));
        }
        svg.append(label(px((LEFT + WIDTH - RIGHT) / 2), px(HEIGHT - 8), "middle", xName));
        svg.append(
                tag(
                        "text",
                        text(yName),
                        "text-anchor",
                        "middle",
                        "transform",
                        "translate(14 " + px((TOP + HEIGHT - BOTTOM) / 2) + ") rotate(-90)"));
        if (withFront && !drawn.isEmpty()) {
            String path =
                    front().stream()
                            .map(point -> px(across.at(point.x)) + " " + px(up.at(point.y)))
                            .collect(Collectors.joining("L", "M", ""));
            svg.append(empty("path", "class", "front", "d", path));
        }
        List<Label> labels = new ArrayList<>();
        for (Point point : drawn) {
            String cx = px(across.at(point.x));
            Label label = new Label(across.at(point.x) + 7, up.at(point.y) + 4, point.label);
            svg.append(
                    tag(
                            "circle",
                            tag("title", text(point.title)),
                            "cx",
                            cx,
                            "cy",
                            px(up.at(point.y)),
                            "r",
                            "4"));
            if (labels.stream().noneMatch(label::overlaps)) {
                svg.append(label(px(label.x), px(label.y), "start", label.text));
                labels.add(label);
            }
        }
        return Markup.picture(svg.toString(), yName + " by " + xName, WIDTH, HEIGHT);
    }

    private static boolean wide(double... values) {
        double least = Arrays.stream(values).min().orElse(0);
        return least > 0 && Arrays.stream(values).max().orElse(0) >= 10 * least;
    }

    private static String line(String x1, String y1, String x2, String y2) {
        return empty("line", "class", "grid", "x1", x1, "y1", y1, "x2", x2, "y2", y2);
    }

    private static String label(String x, String y, String anchor, String content) {
        return tag("text", text(content), "x", x, "y", y, "text-anchor", anchor);
    }

    /// Text whose base line begins at a place.
    private record Label(double x, double y, String text) {
        private static final double HEIGHT = 11;
        private static final double CHARACTER = 7;

        boolean overlaps(Label other) {
            return Math.abs(y - other.y) < HEIGHT
                    && x < other.x + CHARACTER * other.text.length()
                    && other.x < x + CHARACTER * text.length();
        }
    }

    /// Values to pixels.
    private record Axis(
            List<Double> ticks,
            boolean logarithmic,
            double low,
            double high,
            double from,
            double to) {

        static Axis of(double[] values, boolean logarithmic, double from, double to) {
            double low = Arrays.stream(values).min().orElseThrow();
            double high = Arrays.stream(values).max().orElseThrow();
            List<Double> ticks =
                    logarithmic ? Ticks.logarithmic(low, high) : Ticks.linear(low, high);
            Stream<Double> ends = Stream.of(ticks.getFirst(), ticks.getLast());
            List<Double> scaled = ends.map(end -> logarithmic ? Math.log10(end) : end).toList();
            return new Axis(ticks, logarithmic, scaled.getFirst(), scaled.getLast(), from, to);
        }

        double at(double value) {
            double scaled = logarithmic ? Math.log10(value) : value;
            return from + (scaled - low) / (high - low) * (to - from);
        }
    }
}
