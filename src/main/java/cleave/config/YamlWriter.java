package cleave.config;

import cleave.config.YamlTree.Mapping;
import cleave.config.YamlTree.Meaning;
import cleave.config.YamlTree.Node;
import cleave.config.YamlTree.Place;
import cleave.config.YamlTree.Scalar;
import cleave.config.YamlTree.Sequence;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/// Writes trees as YAML that older readers (YAML 1.1) understand in the same way.
final class YamlWriter {
    private static final Pattern PLAIN =
            Pattern.compile("[A-Za-z_/][A-Za-z0-9_./*-]*( [A-Za-z0-9_./*-]+)*");
    private static final Pattern OLD_BOOLEAN =
            Pattern.compile("y|n|yes|no|on|off", Pattern.CASE_INSENSITIVE);

    private YamlWriter() {}

    static String block(Node root) {
        StringBuilder out = new StringBuilder();
        if (isBlock(root)) {
            block(root, "", out);
        } else {
            out.append(flow(root)).append('\n');
        }
        return out.toString();
    }

    /// On one line.
    static String flow(Node node) {
        return switch (node) {
            case Scalar scalar when scalar.quoted() -> text(scalar.text());
            case Scalar scalar -> scalar.text().isEmpty() ? "null" : scalar.text();
            case Sequence sequence ->
                    sequence.items().stream()
                            .map(YamlWriter::flow)
                            .collect(Collectors.joining(", ", "[", "]"));
            case Mapping mapping ->
                    mapping.entries().entrySet().stream()
                            .map(entry -> text(entry.getKey()) + ": " + flow(entry.getValue()))
                            .collect(Collectors.joining(", ", "{", "}"));
        };
    }

    /// A scalar that reads back as exactly this number.
    ///
    /// An exponent is written `1.0e-12`, with a dot and a sign: YAML 1.1 takes `1e-12` for text.
    static Scalar number(Place at, double value) {
        String digits = Double.toString(value).toLowerCase(Locale.ROOT);
        int exponent = digits.indexOf('e') + 1;
        boolean unsigned = exponent > 0 && digits.charAt(exponent) != '-';
        String signed = digits.substring(0, exponent) + "+" + digits.substring(exponent);
        return new Scalar(at, unsigned ? signed : digits, false);
    }

    private static boolean isBlock(Node node) {
        return switch (node) {
            case Mapping mapping -> !mapping.entries().isEmpty();
            case Sequence sequence -> sequence.items().stream().anyMatch(YamlWriter::isBlock);
            case Scalar _ -> false;
        };
    }

    /// Appends the lines of a block node; the first starts where `out` stands, the others are
    /// indented.
    private static void block(Node node, String indent, StringBuilder out) {
        String separator = "";
        switch (node) {
            case Mapping mapping -> {
                for (Map.Entry<String, Node> entry : mapping.entries().entrySet()) {
                    out.append(separator).append(text(entry.getKey())).append(':');
                    if (isBlock(entry.getValue())) {
                        out.append('\n').append(indent).append("  ");
                        block(entry.getValue(), indent + "  ", out);
                    } else {
                        out.append(' ').append(flow(entry.getValue())).append('\n');
                    }
                    separator = indent;
                }
            }
            case Sequence sequence -> {
                for (Node item : sequence.items()) {
                    out.append(separator).append("- ");
                    if (isBlock(item)) {
                        block(item, indent + "  ", out);
                    } else {
                        out.append(flow(item)).append('\n');
                    }
                    separator = indent;
                }
            }
            case Scalar scalar -> out.append(flow(scalar)).append('\n');
        }
    }

    private static String text(String value) {
        boolean readsAsText =
                new Scalar(new Place("", 0), value, false).meaning() == Meaning.TEXT
                        && !OLD_BOOLEAN.matcher(value).matches();
        if (readsAsText && PLAIN.matcher(value).matches()) {
            return value;
        }
        return value.codePoints()
                .mapToObj(YamlWriter::escaped)
                .collect(Collectors.joining("", "\"", "\""));
    }

    private static String escaped(int codePoint) {
        if (codePoint == '"' || codePoint == '\\') {
            return "\\" + (char) codePoint;
        }
        if (codePoint == '\n') {
            return "\\n";
        }
        if ((codePoint >= ' ' && codePoint <= '~') || Character.isLetterOrDigit(codePoint)) {
            return Character.toString(codePoint);
        }
        return String.format(Locale.ROOT, "\\U%08X", codePoint);
    }
}
