package cleave.config;

import cleave.config.YamlTree.Mapping;
import cleave.config.YamlTree.Node;
import cleave.config.YamlTree.Place;
import cleave.config.YamlTree.Scalar;
import cleave.config.YamlTree.Sequence;
import java.lang.reflect.InvocationTargetException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;

/// Turns records back into the trees that bind to them.
final class Unbinder {
    private static final Place WRITTEN = new Place("written", 0);

    private Unbinder() {}

    static Node tree(Object value, Kinds kinds) {
        return tree(Schema.of(value.getClass(), kinds), value);
    }

    private static Node tree(Schema schema, Object value) {
        return switch (schema) {
            case Schema.Real _ -> YamlWriter.number(WRITTEN, (Double) value);
            case Schema.Whole _, Schema.Flag _ -> new Scalar(WRITTEN, value.toString(), false);
            case Schema.Text _ -> new Scalar(WRITTEN, value.toString(), true);
            case Schema.Choice _ -> new Scalar(WRITTEN, Names.of((Enum<?>) value), true);
            case Schema.Items(Schema item) ->
                    new Sequence(
                            WRITTEN,
                            ((List<?>) value).stream().map(each -> tree(item, each)).toList());
            case Schema.Table(Schema item) -> {
                SequencedMap<String, Node> entries = new LinkedHashMap<>();
                ((Map<?, ?>) value)
                        .forEach((key, each) -> entries.put(key.toString(), tree(item, each)));
                yield new Mapping(WRITTEN, entries);
            }
            case Schema.Struct struct ->
                    shortForm(struct.factory(), struct, value)
                            .orElseGet(() -> fields(struct, value, new LinkedHashMap<>()));
            case Schema.Variants variants -> variant(variants, value);
        };
    }

    private static Node variant(Schema.Variants variants, Object value) {
        for (Map.Entry<String, Schema.Struct> entry : variants.structs().entrySet()) {
            Schema.Struct struct = entry.getValue();
            if (struct.type() == value.getClass()) {
                SequencedMap<String, Node> entries = new LinkedHashMap<>();
                entries.put(Schema.KIND, new Scalar(WRITTEN, entry.getKey(), true));
                return shortForm(variants.factory(), struct, value)
                        .orElseGet(() -> fields(struct, value, entries));
            }
        }
        throw new IllegalStateException("no kind for " + value.getClass().getName());
    }

    private static Node fields(
            Schema.Struct struct, Object value, SequencedMap<String, Node> entries) {
        for (Schema.Component component : struct.components()) {
            Object held = component.valueIn(value);
            Optional<?> present =
                    held instanceof Optional<?> optional ? optional : Optional.of(held);
            present.ifPresent(each -> entries.put(component.key(), tree(component.schema(), each)));
        }
        return new Mapping(WRITTEN, entries);
    }

    /// The bare scalar, for a record of one component that its factory makes from that component.
    private static Optional<Node> shortForm(
            Optional<Schema.Factory> factory, Schema.Struct struct, Object value) {
        List<Schema.Component> components = struct.components();
        if (factory.isPresent() && components.isEmpty()) {
            return bareKind(factory.get(), struct, value);
        }
        if (factory.isEmpty()
                || components.size() != 1
                || !components.getFirst().schema().equals(factory.get().parameter())) {
            return Optional.empty();
        }
        Object held = components.getFirst().valueIn(value);
        try {
            return factory.get().make(held).equals(value)
                    ? Optional.of(tree(factory.get().parameter(), held))
                    : Optional.empty();
        } catch (InvocationTargetException _) {
            return Optional.empty();
        }
    }

    /// The kind alone, for a record without components that its factory makes from the kind.
    private static Optional<Node> bareKind(
            Schema.Factory factory, Schema.Struct struct, Object value) {
        String kind = Names.of(struct.type());
        if (!(factory.parameter() instanceof Schema.Text)) {
            return Optional.empty();
        }
        try {
            return factory.make(kind).equals(value)
                    ? Optional.of(new Scalar(WRITTEN, kind, true))
                    : Optional.empty();
        } catch (InvocationTargetException _) {
            return Optional.empty();
        }
    }
}
