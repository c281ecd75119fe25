package cleave.config;

import cleave.config.YamlTree.Mapping;
import cleave.config.YamlTree.Node;
import cleave.config.YamlTree.Scalar;
import cleave.config.YamlTree.Sequence;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Compares trees key by key.
public final class Diff {
    /// One key whose value differs; a side on which it does not stand is empty.
    public record Change(String path, Optional<String> before, Optional<String> after) {
        /// `key.path: old -> new`.
        @Override
        public String toString() {
            return path + ": " + before.orElse("absent") + " -> " + after.orElse("absent");
        }
    }

    private Diff() {}

    /// The keys whose values differ, in the order of the old tree, then of the new one.
    ///
    /// Numbers are compared as numbers; the order of keys does not count. What may be written in
    /// two ways (`0.4` and `{kind: constant, value: 0.4}`) is the same only in trees made by
    /// [Binder#toTree].
    public static List<Change> changedKeys(Node before, Node after) {
        List<Change> changes = new ArrayList<>();
        compare("", Optional.of(before), Optional.of(after), changes);
        return changes;
    }

    /// The keys whose values differ between a tree and a record, after the tree was read as this
    /// type of record: older names ([Formerly]) are taken for those of today, absent keys with a
    /// [Default] for that value, and what may be written in two ways is the same. A tree that does
    /// not bind is compared as it is.
    public static List<Change> changedKeys(Node before, Record after) {
        return changedKeys(before, after, Kinds.installed());
    }

    /// The same with these kinds.
    public static List<Change> changedKeys(Node before, Record after, Kinds kinds) {
        return changedKeys(canonical(before, after.getClass(), kinds), Binder.toTree(after, kinds));
    }

    private static Node canonical(Node tree, Class<? extends Record> type, Kinds kinds) {
        try {
            return Binder.toTree(Binder.bind(tree, type, kinds, _ -> {}), kinds);
        } catch (InvalidConfig _) {
            return tree;
        }
    }

    private static void compare(
            String path, Optional<Node> before, Optional<Node> after, List<Change> changes) {
        Node left = before.orElse(null);
        Node right = after.orElse(null);
        if (left instanceof Mapping old && right instanceof Mapping young) {
            Set<String> keys = new LinkedHashSet<>(old.entries().keySet());
            keys.addAll(young.entries().keySet());
            for (String key : keys) {
                compare(
                        KeyPath.key(path, key),
                        Optional.ofNullable(old.entries().get(key)),
                        Optional.ofNullable(young.entries().get(key)),
                        changes);
            }
        } else if (left instanceof Sequence old && right instanceof Sequence young) {
            for (int i = 0; i < Math.max(old.items().size(), young.items().size()); i++) {
                compare(KeyPath.index(path, i), item(old, i), item(young, i), changes);
            }
        } else if (!(left instanceof Scalar old
                && right instanceof Scalar young
                && old.sameValueAs(young))) {
            changes.add(
                    new Change(path, before.map(YamlWriter::flow), after.map(YamlWriter::flow)));
        }
    }

    private static Optional<Node> item(Sequence sequence, int position) {
        return sequence.items().stream().skip(position).findFirst();
    }
}
