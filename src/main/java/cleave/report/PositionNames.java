package cleave.report;

import cleave.report.ReportData.Example;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/// What the positions of an example are called.
public final class PositionNames {
    /// A position drawn for comparison, which means nothing on a single sequence.
    private static final String RANDOM = "random";

    private PositionNames() {}

    /// Names of the first positions, such as `position 12, token s (s1)`.
    public static List<String> names(Example example, int length) {
        Map<Integer, String> marked = marked(example, length);
        return IntStream.range(0, length)
                .mapToObj(position ->
                        "position %d, token %s%s"
                                .formatted(
                                        position,
                                        example.tokens().get(position),
                                        marked.containsKey(position)
                                                ? " (" + marked.get(position) + ")"
                                                : ""))
                .toList();
    }

    /// The marks at the first positions.
    public static Map<Integer, String> marked(Example example, int length) {
        Map<Integer, String> marked = new TreeMap<>();
        example.marks()
                .forEach((mark, position) -> {
                    if (position < length && !mark.equals(RANDOM)) {
                        marked.merge(position, mark, (one, other) -> one + " " + other);
                    }
                });
        return marked;
    }
}
