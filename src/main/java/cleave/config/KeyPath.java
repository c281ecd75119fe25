package cleave.config;

import cleave.config.YamlTree.Mapping;
import cleave.config.YamlTree.Node;
import cleave.config.YamlTree.Scalar;
import cleave.config.YamlTree.Sequence;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Paths such as `losses[1].coefficient` or `subcomponents."h.*.attn"`: names that are not plain
/// words are quoted.
final class KeyPath {
    sealed interface Step permits Named, Numbered {}

    record Named(String name) implements Step {}

    record Numbered(int position) implements Step {}

    private static final Pattern WORD = Pattern.compile("[A-Za-z0-9_-]+");
    private static final Pattern STEP =
            Pattern.compile("\\[(\\d{1,9})\\]|(\\.?)(?:\"([^\"]+)\"|([A-Za-z0-9_-]+))");

    private KeyPath() {}

    static String key(String parent, String name) {
        return join(parent, WORD.matcher(name).matches() ? name : '"' + name + '"');
    }

    static String index(String parent, int position) {
        return parent + "[" + position + "]";
    }

    static String join(String parent, String child) {
        boolean dot = !parent.isEmpty() && !child.isEmpty() && !child.startsWith("[");
        return parent + (dot ? "." : "") + child;
    }

    /// The steps of a path, or nothing when it is not one.
    static Optional<List<Step>> parse(String path) {
        List<Step> steps = new ArrayList<>();
        Matcher matcher = STEP.matcher(path);
        while (matcher.lookingAt()) {
            String name = matcher.group(3) == null ? matcher.group(4) : matcher.group(3);
            boolean dotted = ".".equals(matcher.group(2));
            if (name != null && dotted == steps.isEmpty()) {
                return Optional.empty();
            }
            steps.add(
                    name == null
                            ? new Numbered(Integer.parseInt(matcher.group(1)))
                            : new Named(name));
            matcher.region(matcher.end(), path.length());
        }
        boolean whole = matcher.regionStart() == path.length() && !steps.isEmpty();
        return whole ? Optional.of(steps) : Optional.empty();
    }

    /// The node at `path`, or the last one met on the way to it.
    static Node nearest(Node root, String path) {
        Node node = root;
        for (Step step : parse(path).orElse(List.of())) {
            Optional<Node> next = child(node, step);
            if (next.isEmpty()) {
                return node;
            }
            node = next.get();
        }
        return node;
    }

    private static Optional<Node> child(Node node, Step step) {
        return switch (node) {
            case Mapping mapping when step instanceof Named(String name) ->
                    Optional.ofNullable(mapping.entries().get(name));
            case Sequence sequence when step instanceof Numbered(int position) ->
                    sequence.items().stream().skip(position).findFirst();
            case Mapping _, Sequence _, Scalar _ -> Optional.empty();
        };
    }
}
