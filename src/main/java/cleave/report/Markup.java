package cleave.report;

import java.util.Collection;
import java.util.List;

/// Well-formed HTML as text. Text and attribute values are escaped here and nowhere else.
public final class Markup {
    private Markup() {}

    /// Text as it is to be read.
    public static String text(String plain) {
        StringBuilder escaped = new StringBuilder(plain.length() + 16);
        plain.codePoints()
                .forEach(character -> {
                    switch (character) {
                        case '&' -> escaped.append("&amp;");
                        case '<' -> escaped.append("&lt;");
                        case '>' -> escaped.append("&gt;");
                        case '"' -> escaped.append("&quot;");
                        case '\'' -> escaped.append("&#39;");
                        default ->
                                escaped.appendCodePoint(isAllowed(character) ? character : 0xFFFD);
                    }
                });
        return escaped.toString();
    }

    private static boolean isAllowed(int character) {
        return character == '\t'
                || character == '\n'
                || character == '\r'
                || (character >= 0x20 && character < 0x7F)
                || (character > 0x9F && character < 0xD800)
                || (character > 0xDFFF && character < 0xFFFE)
                || character > 0xFFFF;
    }

    /// A picture as SVG, for a page or a file of its own.
    ///
    /// @param content its elements
    /// @param label what it shows, for those who do not see it
    /// @param width in pixels
    /// @param height likewise
    static String picture(String content, String label, double width, double height) {
        return tag(
                "svg",
                content,
                "xmlns",
                "http://www.w3.org/2000/svg",
                "role",
                "img",
                "aria-label",
                label,
                "width",
                Numbers.px(width),
                "height",
                Numbers.px(height),
                "viewBox",
                "0 0 " + Numbers.px(width) + " " + Numbers.px(height));
    }

    /// An element.
    ///
    /// @param content markup
    /// @param attributes names and plain values in turn
    public static String tag(String name, String content, String... attributes) {
        return "<" + name + attributes(attributes) + ">" + content + "</" + name + ">";
    }

    /// An element without content.
    public static String empty(String name, String... attributes) {
        return "<" + name + attributes(attributes) + "/>";
    }

    private static String attributes(String... pairs) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < pairs.length; i += 2) {
            text.append(' ').append(pairs[i]).append("=\"").append(text(pairs[i + 1])).append('"');
        }
        return text.toString();
    }

    /// A paragraph of plain text.
    public static String paragraph(String plain, String... attributes) {
        return tag("p", text(plain), attributes);
    }

    /// A remark on how a figure was made.
    public static String note(String plain) {
        return paragraph(plain, "class", "note");
    }

    /// A list of plain texts.
    public static String list(Collection<String> items) {
        return tag(
                "ul", String.join("", items.stream().map(item -> tag("li", text(item))).toList()));
    }

    /// A part that starts closed.
    public static String closed(String summary, String content) {
        return tag("details", tag("summary", text(summary)) + content);
    }

    /// A part that starts open.
    public static String open(String summary, String content) {
        return tag("details", tag("summary", text(summary)) + content, "open", "open");
    }

    /// A section of the page.
    public static String section(String id, String title, List<String> parts) {
        return tag(
                "section",
                tag("h2", text(title), "id", id + "-title") + String.join("\n", parts),
                "id",
                id,
                "aria-labelledby",
                id + "-title");
    }

    /// Content that scrolls sideways where the window is narrow.
    public static String scrolling(String label, String content) {
        return tag(
                "div",
                content,
                "class",
                "scroll",
                "tabindex",
                "0",
                "role",
                "region",
                "aria-label",
                label);
    }
}
