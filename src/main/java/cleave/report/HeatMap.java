package cleave.report;

import static cleave.report.Markup.empty;
import static cleave.report.Markup.scrolling;
import static cleave.report.Markup.tag;
import static cleave.report.Markup.text;
import static cleave.report.Numbers.px;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// Blocks of coloured cells, as SVG with one small picture for each block. Colours are one hue over
/// the page's own ground, so that they serve light and dark pages.
public final class HeatMap {
    private static final int POSITIVE = 0x2F86EC;
    private static final int NEGATIVE = 0xE4572E;

    /// How values become colours.
    public enum Shade {
        /// Opacity grows with the value.
        LINEAR,
        /// Opacity grows with the value's square root, to show small ones.
        ROOT,
        /// One hue for positive, one for negative values.
        DIVERGING
    }

    /// A rectangle of cells.
    ///
    /// @param rows names of the rows
    /// @param columns names of the columns
    /// @param values `[row][column]`
    public record Block(
            double x,
            double y,
            double cellWidth,
            double cellHeight,
            List<String> rows,
            List<String> columns,
            List<List<Double>> values) {
        double width() {
            return cellWidth * columns.size();
        }

        double height() {
            return cellHeight * rows.size();
        }
    }

    private final String title;
    private final String valueName;
    private final Shade shade;
    private final double most;
    private final List<Block> blocks = new ArrayList<>();
    private final StringBuilder over = new StringBuilder();
    private final StringBuilder left = new StringBuilder();
    private double start;

    /// @param title what is drawn, with units, for those who do not see it
    /// @param valueName what a value is called
    /// @param most the value, or size of a value, of full colour
    public HeatMap(String title, String valueName, Shade shade, double most) {
        this.title = title;
        this.valueName = valueName;
        this.shade = shade;
        this.most = most;
    }

    public HeatMap add(Block block) {
        if (!block.rows().isEmpty() && !block.columns().isEmpty()) {
            blocks.add(block);
        }
        return this;
    }

    /// Text over the picture.
    public HeatMap label(String style, double x, double y, String content) {
        over.append(tag("text", text(content), "class", style, "x", px(x), "y", px(y)));
        return this;
    }

    /// Text over the picture, to be read from below to above.
    public HeatMap upright(String style, double x, double y, String content) {
        over.append(
                tag(
                        "text",
                        text(content),
                        "class",
                        style,
                        "transform",
                        "translate(" + px(x) + " " + px(y) + ") rotate(-90)"));
        return this;
    }

    /// Where to look first, when not all is in view.
    HeatMap startAt(double x) {
        start = x;
        return this;
    }

    /// A thin line over the picture.
    public HeatMap line(double x1, double y1, double x2, double y2) {
        over.append(
                empty(
                        "line", "class", "mark", "x1", px(x1), "y1", px(y1), "x2", px(x2), "y2",
                        px(y2)));
        return this;
    }

    /// Text beside the picture, which stays when the picture scrolls.
    public HeatMap rowLabel(String style, double y, String content) {
        left.append(tag("text", text(content), "class", style, "x", "0", "y", px(y)));
        return this;
    }

    /// The picture with its readout.
    ///
    /// @param labels width of the labels beside it; 0 for none
    public String html(ChartValues figures, double labels, double width, double height) {
        StringBuilder cells = new StringBuilder();
        for (Block block : blocks) {
            String[] box = {
                "x", px(block.x()), "y", px(block.y()),
                "width", px(block.width()), "height", px(block.height())
            };
            cells.append(empty("rect", with(box, "class", "ground")));
            cells.append(
                    empty(
                            "image",
                            with(box, "preserveAspectRatio", "none", "href", picture(block))));
        }
        String cursor = empty("rect", "class", "cursor", "visibility", "hidden");
        String id = figures.add(values());
        String beside =
                labels == 0
                        ? ""
                        : svg(left.toString(), "labels", labels, height, "aria-hidden", "true");
        String main =
                svg(
                        cells.toString() + over + cursor,
                        "map",
                        width,
                        height,
                        "role",
                        "img",
                        "aria-label",
                        title);
        return tag(
                "div",
                scrolling(
                                title + ", arrow keys move the cursor",
                                tag("div", beside + main, "class", "row"))
                        + tag("output", "", "class", "readout", "hidden", "hidden"),
                "class",
                "figure heat",
                "data-figure",
                id);
    }

    private static String[] with(String[] first, String... more) {
        String[] all = new String[first.length + more.length];
        System.arraycopy(first, 0, all, 0, first.length);
        System.arraycopy(more, 0, all, first.length, more.length);
        return all;
    }

    private static String svg(
            String content, String style, double width, double height, String... attributes) {
        return tag(
                "svg",
                content,
                with(
                        new String[] {
                            "class",
                            style,
                            "width",
                            px(width),
                            "height",
                            px(height),
                            "viewBox",
                            "0 0 " + px(width) + " " + px(height)
                        },
                        attributes));
    }

    private String picture(Block block) {
        int columns = block.columns().size();
        int[] rgba = new int[columns * block.rows().size()];
        for (int row = 0; row < block.rows().size(); row++) {
            for (int column = 0; column < columns; column++) {
                rgba[row * columns + column] = colour(block.values().get(row).get(column));
            }
        }
        return Png.address(columns, block.rows().size(), rgba);
    }

    private int colour(double value) {
        double share =
                most == 0 || !Double.isFinite(value) ? 0 : Math.min(1, Math.abs(value) / most);
        double opacity = shade == Shade.ROOT ? Math.sqrt(share) : share;
        int hue = value < 0 ? NEGATIVE : POSITIVE;
        return hue << 8 | (int) Math.round(255 * opacity);
    }

    private Map<String, Object> values() {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("kind", "heat");
        values.put("value", valueName);
        values.put("start", start);
        values.put("blocks", blocks.stream().map(this::values).toList());
        return values;
    }

    private Map<String, Object> values(Block block) {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("x", block.x());
        values.put("y", block.y());
        values.put("w", block.cellWidth());
        values.put("h", block.cellHeight());
        values.put("rows", block.rows());
        values.put("columns", block.columns());
        values.put(
                "values",
                block.values().stream()
                        .map(row -> row.stream().map(this::rounded).toList())
                        .toList());
        return values;
    }

    private Number rounded(double value) {
        if (!Double.isFinite(value) || shade == Shade.DIVERGING) {
            return Numbers.shortened(value);
        }
        double rounded = Math.round(value * 1000) / 1000.0;
        return rounded == Math.rint(rounded) ? (Number) (long) rounded : (Number) rounded;
    }

    /// What the colours mean.
    public String legend() {
        String ramp = shade == Shade.DIVERGING ? "ramp diverging" : "ramp";
        List<String> ticks =
                switch (shade) {
                    case LINEAR -> List.of("0", Numbers.of(most / 2), Numbers.of(most));
                    case ROOT -> List.of("0", Numbers.of(most / 4), Numbers.of(most));
                    case DIVERGING -> List.of(Numbers.of(-most), "0", Numbers.of(most));
                };
        StringBuilder labels = new StringBuilder();
        ticks.forEach(tick -> labels.append(tag("span", text(tick))));
        return tag(
                "div",
                tag("span", text(valueName))
                        + tag(
                                "span",
                                tag("span", "", "class", ramp)
                                        + tag("span", labels.toString(), "class", "ticks"),
                                "class",
                                "scale")
                        + (shade == Shade.ROOT ? tag("span", text("colour by square root")) : ""),
                "class",
                "legend");
    }
}
