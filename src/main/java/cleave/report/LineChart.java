package cleave.report;

import static cleave.report.Markup.empty;
import static cleave.report.Markup.scrolling;
import static cleave.report.Markup.tag;
import static cleave.report.Markup.text;
import static cleave.report.Numbers.px;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// Curves over common x values, as SVG. A value that is not finite, or not positive on a
/// logarithmic axis, is a gap.
///
/// @param title what is drawn, with units, for those who do not see it
/// @param xName what x is
/// @param unit of y, empty for plain numbers
/// @param logarithmic whether y is
/// @param width in pixels
/// @param height in pixels
/// @param x ascending
/// @param series the curves
/// @param levels horizontal lines with a name
record LineChart(
        String title,
        String xName,
        String unit,
        boolean logarithmic,
        double width,
        double height,
        List<Double> x,
        List<Series> series,
        List<Level> levels) {
    private static final double LEFT = 52;
    private static final double TOP = 10;
    private static final double BOTTOM = 34;
    private static final double CHARACTER = 12;

    /// A curve.
    ///
    /// @param letter beside its end; empty for none
    /// @param style its class
    /// @param y at each x
    /// @param dots whether values are dots instead of a line
    record Series(String name, String letter, String style, List<Double> y, boolean dots) {}

    /// A horizontal line.
    record Level(String name, double y) {}

    private boolean isDrawn(double y) {
        return Double.isFinite(y) && (!logarithmic || y > 0);
    }

    private List<Double> drawn() {
        return Stream.concat(
                        series.stream().flatMap(curve -> curve.y().stream()),
                        levels.stream().map(Level::y))
                .filter(this::isDrawn)
                .toList();
    }

    /// The chart with its readout; a sentence where there is nothing to draw.
    String html(ChartValues figures) {
        List<Double> drawn = drawn();
        if (x.isEmpty() || drawn.isEmpty()) {
            return Markup.note(title + ": no value to draw.");
        }
        double low = drawn.stream().min(Comparator.naturalOrder()).orElseThrow();
        double high = drawn.stream().max(Comparator.naturalOrder()).orElseThrow();
        List<Double> ticks =
                logarithmic
                        ? Ticks.logarithmic(low, high)
                        : Ticks.linear(Math.min(0, low), Math.max(high, 0));
        double right = series.stream().anyMatch(curve -> !curve.letter().isEmpty()) ? 24 : 12;
        Frame frame = new Frame(ticks.getFirst(), ticks.getLast(), width - right);
        String id = figures.add(values(frame));
        StringBuilder svg = new StringBuilder();
        axes(frame, logarithmic ? Ticks.labelled(ticks) : ticks, svg);
        for (Level level : levels) {
            svg.append(
                    empty(
                            "line",
                            "class",
                            "level",
                            "x1",
                            px(LEFT),
                            "x2",
                            px(frame.right),
                            "y1",
                            px(frame.y(level.y())),
                            "y2",
                            px(frame.y(level.y()))));
            svg.append(label("axis", frame.right, frame.y(level.y()) - 3, "end", level.name()));
        }
        series.forEach(curve -> curve(frame, curve, svg));
        letters(frame, svg);
        svg.append(
                empty(
                        "line",
                        "class",
                        "cursor",
                        "y1",
                        px(TOP),
                        "y2",
                        px(height - BOTTOM),
                        "x1",
                        "0",
                        "x2",
                        "0",
                        "visibility",
                        "hidden"));
        String picture =
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
                        px(width),
                        "height",
                        px(height),
                        "viewBox",
                        "0 0 " + px(width) + " " + px(height));
        return tag(
                "div",
                scrolling(title + ", arrow keys move the cursor", picture)
                        + tag("output", "", "class", "readout", "hidden", "hidden"),
                "class",
                "figure",
                "data-figure",
                id);
    }

    /// Pixels of values.
    private final class Frame {
        private final double low;
        private final double high;
        private final double right;

        Frame(double low, double high, double right) {
            this.low = low;
            this.high = high;
            this.right = right;
        }

        double x(double value) {
            double span = x.getLast() - x.getFirst();
            double share = span == 0 ? 0.5 : (value - x.getFirst()) / span;
            return LEFT + share * (right - LEFT);
        }

        double y(double value) {
            double share =
                    logarithmic
                            ? Math.log(value / low) / Math.log(high / low)
                            : (value - low) / (high - low);
            return height - BOTTOM - share * (height - BOTTOM - TOP);
        }
    }

    private Map<String, Object> values(Frame frame) {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("kind", "chart");
        values.put("x_name", xName);
        values.put("unit", unit);
        values.put("x", x);
        values.put("pixels", x.stream().map(value -> Double.valueOf(px(frame.x(value)))).toList());
        values.put(
                "series",
                series.stream()
                        .map(curve ->
                                Map.of(
                                        "name",
                                        curve.name(),
                                        "y",
                                        curve.y().stream().map(Numbers::shortened).toList()))
                        .toList());
        return values;
    }

    private void axes(Frame frame, List<Double> ticks, StringBuilder svg) {
        for (double tick : ticks) {
            svg.append(
                    empty(
                            "line",
                            "class",
                            "grid",
                            "x1",
                            px(LEFT),
                            "x2",
                            px(frame.right),
                            "y1",
                            px(frame.y(tick)),
                            "y2",
                            px(frame.y(tick))));
            svg.append(label("axis", LEFT - 6, frame.y(tick) + 4, "end", Numbers.of(tick)));
        }
        double bottom = height - BOTTOM;
        for (double tick : Ticks.whole(x.getFirst(), x.getLast())) {
            svg.append(
                    label(
                            "axis",
                            frame.x(tick),
                            bottom + 15,
                            "middle",
                            Numbers.count(Math.round(tick))));
        }
        svg.append(label("axis", frame.right, height - 4, "end", xName));
    }

    private static String label(String style, double x, double y, String anchor, String content) {
        return tag(
                "text",
                text(content),
                "class",
                style,
                "x",
                px(x),
                "y",
                px(y),
                "text-anchor",
                anchor);
    }

    private void curve(Frame frame, Series curve, StringBuilder svg) {
        StringBuilder path = new StringBuilder();
        boolean pen = false;
        for (int i = 0; i < x.size(); i++) {
            double value = curve.y().get(i);
            if (!isDrawn(value)) {
                pen = false;
                continue;
            }
            String at = px(frame.x(x.get(i))) + " " + px(frame.y(value));
            if (curve.dots()) {
                path.append('M').append(at).append("h0");
            } else {
                boolean alone = !pen && (i + 1 == x.size() || !isDrawn(curve.y().get(i + 1)));
                path.append(pen ? 'L' : 'M').append(at).append(alone ? "h0" : "");
            }
            pen = true;
        }
        if (!path.isEmpty()) {
            svg.append(
                    empty(
                            "path",
                            "class",
                            (curve.dots() ? "dots " : "curve ") + curve.style(),
                            "d",
                            path.toString()));
        }
    }

    private record End(String letter, String style, double y) {}

    /// Letters at the ends of the curves, pushed apart where they would meet.
    private void letters(Frame frame, StringBuilder svg) {
        List<End> ends = new ArrayList<>();
        for (Series curve : series) {
            if (!curve.letter().isEmpty() && isDrawn(curve.y().getLast())) {
                ends.add(new End(curve.letter(), curve.style(), frame.y(curve.y().getLast())));
            }
        }
        ends.sort(Comparator.comparingDouble(End::y));
        double lowest = height - BOTTOM;
        double[] placed = new double[ends.size()];
        for (int i = 0; i < placed.length; i++) {
            placed[i] = Math.max(ends.get(i).y(), i == 0 ? TOP : placed[i - 1] + CHARACTER);
        }
        for (int i = placed.length - 1; i >= 0; i--) {
            placed[i] =
                    Math.min(
                            placed[i], i == placed.length - 1 ? lowest : placed[i + 1] - CHARACTER);
        }
        for (int i = 0; i < placed.length; i++) {
            svg.append(
                    label(
                            "letter " + ends.get(i).style(),
                            frame.right + 6,
                            placed[i] + 4,
                            "start",
                            ends.get(i).letter()));
        }
    }
}
