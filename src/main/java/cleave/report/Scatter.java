package cleave.report;

import static cleave.report.Markup.empty;
import static cleave.report.Markup.scrolling;
import static cleave.report.Markup.tag;
import static cleave.report.Markup.text;
import static cleave.report.Numbers.px;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.DoubleStream;

/// Points and lines from the origin in a square, one scale for both axes, as SVG.
///
/// @param title what is drawn, for those who do not see it
/// @param xName what x is
/// @param yName what y is
/// @param marks what is drawn
public record Scatter(String title, String xName, String yName, List<Marks> marks) {
    private static final double SIZE = 380;
    private static final double EDGE = 42;

    /// Points of one kind.
    ///
    /// @param style their class
    /// @param x of each
    /// @param y of each
    /// @param lines whether a line joins each to the origin
    public record Marks(String style, List<Double> x, List<Double> y, boolean lines) {}

    public String html() {
        double[] all =
                marks.stream()
                        .flatMapToDouble(each ->
                                DoubleStream.concat(
                                        each.x().stream().mapToDouble(Double::doubleValue),
                                        each.y().stream().mapToDouble(Double::doubleValue)))
                        .filter(Double::isFinite)
                        .toArray();
        double low = Math.min(0, DoubleStream.of(all).min().orElse(0));
        double high = Math.max(0, DoubleStream.of(all).max().orElse(1));
        List<Double> ticks = Ticks.linear(low, high);
        Frame frame = new Frame(ticks.getFirst(), ticks.getLast());
        StringBuilder svg = new StringBuilder();
        for (double tick : ticks) {
            svg.append(
                    line(
                            "grid",
                            frame.x(tick),
                            frame.y(frame.low),
                            frame.x(tick),
                            frame.y(frame.high)));
            svg.append(
                    line(
                            "grid",
                            frame.x(frame.low),
                            frame.y(tick),
                            frame.x(frame.high),
                            frame.y(tick)));
            svg.append(label(frame.x(tick), SIZE - EDGE + 14, "middle", Numbers.of(tick)));
            svg.append(label(EDGE - 5, frame.y(tick) + 4, "end", Numbers.of(tick)));
        }
        svg.append(label(SIZE / 2, SIZE - 6, "middle", xName));
        svg.append(
                tag(
                        "text",
                        text(yName),
                        "class",
                        "axis",
                        "text-anchor",
                        "middle",
                        "transform",
                        "translate(11 " + px(SIZE / 2) + ") rotate(-90)"));
        marks.forEach(each -> svg.append(drawn(frame, each)));
        return scrolling(
                title,
                tag(
                        "svg",
                        svg.toString(),
                        "class",
                        "chart",
                        "role",
                        "img",
                        "aria-label",
                        title,
                        "width",
                        px(SIZE),
                        "height",
                        px(SIZE),
                        "viewBox",
                        "0 0 " + px(SIZE) + " " + px(SIZE)));
    }

    private static String drawn(Frame frame, Marks each) {
        List<String> path = new ArrayList<>();
        for (int i = 0; i < each.x().size(); i++) {
            double x = each.x().get(i);
            double y = each.y().get(i);
            if (Double.isFinite(x) && Double.isFinite(y)) {
                path.add(
                        each.lines()
                                ? "M%s %sL%s %s"
                                        .formatted(
                                                px(frame.x(0)),
                                                px(frame.y(0)),
                                                px(frame.x(x)),
                                                px(frame.y(y)))
                                : "M%s %sh0".formatted(px(frame.x(x)), px(frame.y(y))));
            }
        }
        return empty("path", "class", each.style(), "d", String.join("", path));
    }

    private static String line(String style, double x1, double y1, double x2, double y2) {
        return empty(
                "line", "class", style, "x1", px(x1), "y1", px(y1), "x2", px(x2), "y2", px(y2));
    }

    private static String label(double x, double y, String anchor, String content) {
        return tag(
                "text",
                text(content),
                "class",
                "axis",
                "x",
                px(x),
                "y",
                px(y),
                "text-anchor",
                anchor);
    }

    private record Frame(double low, double high) {
        double x(double value) {
            return EDGE + (value - low) / (high - low) * (SIZE - EDGE - 10);
        }

        double y(double value) {
            return SIZE - EDGE - (value - low) / (high - low) * (SIZE - EDGE - 10);
        }
    }
}
