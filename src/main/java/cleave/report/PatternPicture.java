package cleave.report;

import static cleave.report.Markup.empty;
import static cleave.report.Markup.tag;
import static cleave.report.Markup.text;
import static cleave.report.Numbers.px;

import java.util.ArrayList;
import java.util.List;

/// How a head attends, as squares of queries (rows) by keys (columns) side by side, as an SVG file
/// that stands alone.
///
/// @param tokens of the prompt, in order
/// @param panels what is drawn, each `[query][key]`
public record PatternPicture(List<String> tokens, List<Panel> panels) {
    private static final double CELL = 18;
    private static final double SIDE = 96; // room for tokens
    private static final double TOP = 24;
    private static final double GAP = 16;
    private static final int LETTERS = 12;
    private static final String POSITIVE = "#2f86ec";
    private static final String NEGATIVE = "#e4572e";
    private static final String STYLE = "text{font:11px sans-serif;fill:#333}";

    /// Keeps its own lists.
    public PatternPicture {
        tokens = List.copyOf(tokens);
        panels = List.copyOf(panels);
    }

    /// One square.
    ///
    /// @param title over it
    /// @param values `[query][key]`, of size 1 at most; those below 0 have another colour
    public record Panel(String title, List<List<Double>> values) {}

    /// What is added to a pattern.
    ///
    /// @param title over it
    public static Panel difference(
            String title, List<List<Double>> before, List<List<Double>> after) {
        List<List<Double>> rows = new ArrayList<>();
        for (int row = 0; row < before.size(); row++) {
            List<Double> cells = new ArrayList<>();
            for (int column = 0; column < before.get(row).size(); column++) {
                cells.add(after.get(row).get(column) - before.get(row).get(column));
            }
            rows.add(List.copyOf(cells));
        }
        return new Panel(title, List.copyOf(rows));
    }

    /// The file's text.
    public String svg() {
        double square = CELL * tokens.size();
        double width = SIDE + panels.size() * (square + GAP);
        double height = TOP + square + SIDE;
        StringBuilder svg = new StringBuilder(tag("style", STYLE));
        svg.append(empty("rect", "width", px(width), "height", px(height), "style", "fill:#fff"));
        for (int at = 0; at < tokens.size(); at++) {
            svg.append(
                    tag(
                            "text",
                            text(shown(tokens.get(at))),
                            "x",
                            px(SIDE - 6),
                            "y",
                            px(TOP + CELL * at + 13),
                            "text-anchor",
                            "end"));
        }
        for (int panel = 0; panel < panels.size(); panel++) {
            panel(panels.get(panel), SIDE + panel * (square + GAP), square, svg);
        }
        String label = String.join(", ", panels.stream().map(Panel::title).toList());
        return Markup.picture(svg.toString(), label, width, height);
    }

    private void panel(Panel panel, double left, double square, StringBuilder svg) {
        svg.append(tag("text", text(panel.title()), "x", px(left), "y", px(TOP - 8)));
        svg.append(
                empty(
                        "rect",
                        "x",
                        px(left),
                        "y",
                        px(TOP),
                        "width",
                        px(square),
                        "height",
                        px(square),
                        "style",
                        "fill:none;stroke:#ccc"));
        for (int row = 0; row < tokens.size(); row++) {
            for (int column = 0; column <= row; column++) {
                double value = panel.values().get(row).get(column);
                double opacity = Math.min(1, Math.abs(value));
                if (opacity >= 0.005) {
                    svg.append(
                            tag(
                                    "rect",
                                    tag(
                                            "title",
                                            text(
                                                    "%s to %s: %s"
                                                            .formatted(
                                                                    shown(tokens.get(row)),
                                                                    shown(tokens.get(column)),
                                                                    Numbers.of(value)))),
                                    "x",
                                    px(left + CELL * column),
                                    "y",
                                    px(TOP + CELL * row),
                                    "width",
                                    px(CELL),
                                    "height",
                                    px(CELL),
                                    "style",
                                    "fill:%s;fill-opacity:%s"
                                            .formatted(
                                                    value < 0 ? NEGATIVE : POSITIVE, px(opacity))));
                }
            }
        }
        for (int column = 0; column < tokens.size(); column++) {
            double x = left + CELL * column + 13;
            double y = TOP + square + 6;
            svg.append(
                    tag(
                            "text",
                            text(shown(tokens.get(column))),
                            "transform",
                            "translate(%s %s) rotate(-90)".formatted(px(x), px(y)),
                            "text-anchor",
                            "end"));
        }
    }

    private static String shown(String token) {
        String plain = token.strip();
        int end =
                plain.offsetByCodePoints(
                        0, Math.min(LETTERS, plain.codePointCount(0, plain.length())));
        return plain.substring(0, end);
    }
}
