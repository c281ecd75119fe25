package cleave.config;

import java.math.BigDecimal;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.regex.Pattern;

/// YAML as immutable nodes that know where they were written.
///
/// The dialect is YAML 1.2's core with one way to write each thing: one document; no anchors,
/// aliases or tags; no key twice in one mapping; decimal numbers only; `yes` and `off` are text.
public final class YamlTree {
    private YamlTree() {}

    /// Where a node was written.
    ///
    /// @param source the file's name, or `--set`
    /// @param line counted from 1; 0 where there are no lines
    public record Place(String source, int line) {
        /// `file:line`, or the source alone.
        @Override
        public String toString() {
            return line > 0 ? source + ":" + line : source;
        }
    }

    /// A part of a tree. The place of a mapping's value is that of its key.
    public sealed interface Node permits Mapping, Sequence, Scalar {
        /// Where it was written.
        Place at();
    }

    /// Keys with values, in the order in which they were written.
    public record Mapping(Place at, SequencedMap<String, Node> entries) implements Node {
        /// Copies the entries.
        public Mapping {
            entries = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(entries));
        }
    }

    /// A list.
    public record Sequence(Place at, List<Node> items) implements Node {
        /// Copies the items.
        public Sequence {
            items = List.copyOf(items);
        }
    }

    /// A number, boolean, text or nothing, as it was written.
    ///
    /// @param quoted whether quotes or a block mark make it text whatever it looks like
    public record Scalar(Place at, String text, boolean quoted) implements Node {
        private static final Pattern WHOLE = Pattern.compile("[-+]?[0-9]+");
        private static final Pattern NUMBER =
                Pattern.compile("[-+]?(\\.[0-9]+|[0-9]+(\\.[0-9]*)?)([eE][-+]?[0-9]+)?");
        private static final Pattern NOT_FINITE =
                Pattern.compile("[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN)");

        /// What the text stands for.
        public Meaning meaning() {
            if (quoted) {
                return Meaning.TEXT;
            }
            return switch (text) {
                case "", "~", "null", "Null", "NULL" -> Meaning.NOTHING;
                case "true", "True", "TRUE", "false", "False", "FALSE" -> Meaning.BOOLEAN;
                case String _ when WHOLE.matcher(text).matches() -> Meaning.WHOLE_NUMBER;
                case String _ when NUMBER.matcher(text).matches() -> Meaning.NUMBER;
                case String _ when NOT_FINITE.matcher(text).matches() -> Meaning.NOT_FINITE;
                case String _ -> Meaning.TEXT;
            };
        }

        /// Whether two scalars stand for the same value: `1` and `1.0` do, `1` and `"1"` do not.
        public boolean sameValueAs(Scalar other) {
            if (meaning().isNumber() && other.meaning().isNumber()) {
                return new BigDecimal(text).compareTo(new BigDecimal(other.text)) == 0;
            }
            return meaning() == other.meaning() && text.equals(other.text);
        }
    }

    /// What a scalar stands for by YAML 1.2's core schema, decimal numbers only.
    public enum Meaning {
        NOTHING,
        BOOLEAN,
        WHOLE_NUMBER,
        NUMBER,
        NOT_FINITE,
        TEXT;

        /// Whether it is a finite number.
        public boolean isNumber() {
            return this == WHOLE_NUMBER || this == NUMBER;
        }
    }

    /// Parses one YAML document.
    ///
    /// @param source the file's name as problems shall show it
    /// @throws InvalidConfig for text that is not YAML or uses more of it than this dialect has
    public static Node parse(String source, String text) {
        Problems problems = new Problems();
        Node root = new YamlReader(text, line -> new Place(source, line), "", problems).read();
        problems.throwIfAny();
        return root;
    }

    /// The tree as YAML text that parses to the same tree.
    public static String write(Node root) {
        return YamlWriter.block(root);
    }
}
