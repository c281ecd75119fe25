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
/// Where the type is known, a setting of an older name ([Formerly]) takes the place of the key
/// under whatever name it has, and a setting within an absent key with a default changes that
/// default.
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
        Node changed = apply(root, settings, Optional.empty(), problems);
        problems.throwIfAny();
        return changed;
    }

    static Node apply(
            Node root, List<String> settings, Optional<Schema> schema, Problems problems) {
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
                changed = override.replaced(changed, steps.get(), "", schema);
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

    private Node replaced(Node node, List<Step> steps, String reached, Optional<Schema> schema) {
        if (steps.isEmpty()) {
            return value;
        }
        List<Step> rest = steps.subList(1, steps.size());
        switch (steps.getFirst()) {
            case Named(String name) when node instanceof Mapping mapping -> {
                return withKey(mapping, name, rest, reached, schema);
            }
            case Numbered(int position) when node instanceof Sequence sequence -> {
                if (position < sequence.items().size()) {
                    List<Node> items = new ArrayList<>(sequence.items());
                    String item = KeyPath.index(reached, position);
                    Optional<Schema> inner =
                            schema.filter(each -> each instanceof Schema.Items)
                                    .map(each -> ((Schema.Items) each).item());
                    items.set(position, replaced(items.get(position), rest, item, inner));
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

    private Mapping withKey(
            Mapping mapping,
            String name,
            List<Step> rest,
            String reached,
            Optional<Schema> schema) {
        Optional<Schema.Component> component =
                schema.flatMap(each -> each.component(mapping, name));
        SequencedMap<String, Node> entries = new LinkedHashMap<>(mapping.entries());
        List<String> present =
                component.map(Schema.Component::names).orElse(List.of(name)).stream()
                        .filter(entries::containsKey)
                        .toList();
        // Under two names at once it stays so, for the binder to refuse.
        Node before = present.size() == 1 ? entries.get(present.getFirst()) : entries.get(name);
        if (present.size() == 1 && !present.getFirst().equals(name)) {
            entries.remove(present.getFirst());
        }
        Node child =
                Optional.ofNullable(before)
                        .or(() ->
                                component
                                        .flatMap(Schema.Component::standardNode)
                                        .filter(standard -> !(standard instanceof Scalar)))
                        .orElseGet(() -> new Mapping(COMMAND_LINE, new LinkedHashMap<>()));
        Optional<Schema> inner =
                component
                        .map(Schema.Component::schema)
                        .or(() ->
                                schema.filter(each -> each instanceof Schema.Table)
                                        .map(each -> ((Schema.Table) each).value()));
        entries.put(name, replaced(child, rest, KeyPath.key(reached, name), inner));
        return new Mapping(mapping.at(), entries);
    }
}
