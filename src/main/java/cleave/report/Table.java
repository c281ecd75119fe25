package cleave.report;

import static cleave.report.Markup.scrolling;
import static cleave.report.Markup.tag;
import static cleave.report.Markup.text;

import java.util.ArrayList;
import java.util.List;

/// A table: the first column names the rows, the others hold figures.
public final class Table {
    private final String caption;
    private final StringBuilder head = new StringBuilder();
    private final StringBuilder body = new StringBuilder();

    public Table(String caption) {
        this.caption = caption;
    }

    /// A row of column titles.
    public Table head(String... titles) {
        List<String> cells = new ArrayList<>();
        for (String title : titles) {
            cells.add(tag("th", text(title), "scope", "col"));
        }
        return head(cells);
    }

    /// A row of column titles over several columns each.
    ///
    /// @param width columns under each title but the first
    public Table groups(String first, List<String> titles, int width) {
        List<String> cells = new ArrayList<>();
        cells.add(tag("th", text(first), "scope", "col"));
        titles.forEach(title ->
                cells.add(
                        tag(
                                "th",
                                text(title),
                                "scope",
                                "colgroup",
                                "colspan",
                                Integer.toString(width))));
        return head(cells);
    }

    private Table head(List<String> cells) {
        head.append(tag("tr", String.join("", cells)));
        return this;
    }

    /// A row of plain texts.
    public Table row(String name, List<String> cells) {
        return row("", name, cells);
    }

    /// A row of plain texts.
    ///
    /// @param style class of the row
    public Table row(String style, String name, List<String> cells) {
        StringBuilder row = new StringBuilder(tag("th", text(name), "scope", "row"));
        cells.forEach(cell -> row.append(tag("td", text(cell))));
        body.append(
                style.isEmpty()
                        ? tag("tr", row.toString())
                        : tag("tr", row.toString(), "class", style));
        return this;
    }

    /// The whole table.
    public String html() {
        return tag(
                "figure",
                tag("figcaption", text(caption))
                        + scrolling(
                                caption,
                                tag(
                                        "table",
                                        tag("thead", head.toString())
                                                + tag("tbody", body.toString()),
                                        "aria-label",
                                        caption)),
                "class",
                "table");
    }
}
