package cleave.config;

import cleave.config.KeyPath.Named;
import cleave.config.KeyPath.Numbered;
import cleave.config.KeyPath.Step;
import cleave.config.YamlTree.Mapping;
import cleave.config.YamlTree.Node;
import cleave.config.YamlTree.Place;
import cleave.config.YamlTree.Scalar;
import cleave.config.YamlTree.Sequence;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Changes a tree by settings such as `losses[1].coefficient=0.2` or `p={kind: linear, from: 1.0,
/// to: 0.4}`.
///
/// A setting may add keys: whether they are known, and whether their values are allowed, is found
/// by binding, by the same rules as for a file. Of two settings of one key the later counts.
public final class Overrides {
    private static final Place COMMAND_LINE = new Place("--set", 0);
    private static final Pattern SETTING =
            Pattern.compile("((?:[^=\"]|\"[^\"]*\")+)=(.*)", Pattern.DOTALL);

    private final Problems problems;
    private final String path;
    private final Node value;

    private Overrides(Problems problems, String path, Node value) {
        this.problems = problems;
        this.path = path;
        this.value = value;
    }

    /// The tree with every `key.path=value` applied in order.
    ///
    /// @throws InvalidConfig for settings that are not of this form or lead to no place in the tree
    public static Node apply(Node root, List<String> settings) {
        Problems problems = new Problems();
        Node changed = apply(root, settings, problems);
        problems.throwIfAny();
        return changed;
    }

    static Node apply(Node root, List<String> settings, Problems problems) {
        Node changed = root;
        for (String setting : settings) {
            Matcher matcher = SETTING.matcher(setting);
            Optional<List<Step>> steps =
                    matcher.matches() ? KeyPath.parse(matcher.group(1)) : Optional.empty();
            if (steps.isEmpty()) {
                String message = "must have the form key.path=value, got \"" + setting + "\"";
                problems.report(COMMAND_LINE, "", message);
                continue;
            }
            String path = matcher.group(1);
            Optional<Node> value = valueOf(matcher.group(2), path, problems);
            if (value.isPresent()) {
                Overrides override = new Overrides(problems, path, value.get());
                changed = override.replaced(changed, steps.get(), "");
            }
        }
        return changed;
    }

    private static Optional<Node> valueOf(String text, String path, Problems problems) {
        try {
            return Optional.of(new YamlReader(text, _ -> COMMAND_LINE, path, problems).read());
        } catch (InvalidConfig _) {
            // Already among the problems; the key keeps the value it has.
            return Optional.empty();
        }
    }

    private Node replaced(Node node, List<Step> steps, String reached) {
        if (steps.isEmpty()) {
            return value;
        }
        List<Step> rest = steps.subList(1, steps.size());
        switch (steps.getFirst()) {
            case Named(String name) when node instanceof Mapping mapping -> {
                SequencedMap<String, Node> entries = new LinkedHashMap<>(mapping.entries());
                Node child =
                        entries.getOrDefault(
                                name, new Mapping(COMMAND_LINE, new LinkedHashMap<>()));
                entries.put(name, replaced(child, rest, KeyPath.key(reached, name)));
                return new Mapping(mapping.at(), entries);
            }
            case Numbered(int position) when node instanceof Sequence sequence -> {
                if (position < sequence.items().size()) {
                    List<Node> items = new ArrayList<>(sequence.items());
                    String item = KeyPath.index(reached, position);
                    items.set(position, replaced(items.get(position), rest, item));
                    return new Sequence(sequence.at(), items);
                }
                String message = "leads nowhere: " + reached + " has " + sequence.items().size();
                problems.report(COMMAND_LINE, path, message + " items, the first is [0]");
                return node;
            }
            case Named _, Numbered _ -> {
                String met =
                        switch (node) {
                            case Mapping _ -> "a mapping";
                            case Sequence _ -> "a list";
                            case Scalar scalar -> YamlWriter.flow(scalar);
                        };
                String place = reached.isEmpty() ? "the top" : reached;
                problems.report(COMMAND_LINE, path, "leads nowhere: " + place + " is " + met);
                return node;
            }
        }
    }
}
