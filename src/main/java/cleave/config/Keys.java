package cleave.config;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/// Lists the keys that a record type reads, for documentation and for completion in a shell.
public final class Keys {
    /// One key.
    ///
    /// @param path as in `losses[].coefficient`; `<name>` stands for any key of a mapping
    /// @param owner the record that has the key, in snake case: a section for documentation
    /// @param name the key alone
    /// @param kinds what must be chosen on the way for the key to exist, as in `losses[].kind:
    ///   faithfulness`
    /// @param type what is accepted, as in `a number` or `one of a, b`
    /// @param rule as in `> 0 and <= 1`, or empty
    /// @param allowed every allowed value, for keys that have a list of them
    /// @param optional whether it may be absent
    /// @param standard YAML text of the value that holds when it is absent; empty where there is
    ///   none
    public record Key(
            String path,
            String owner,
            String name,
            List<String> kinds,
            String type,
            String rule,
            List<String> allowed,
            boolean optional,
            Optional<String> standard) {}

    private final List<Key> keys = new ArrayList<>();
    private final Set<Class<?>> open = new HashSet<>();

    private Keys() {}

    /// Every key of `type` and of what it contains, in the order of the components.
    ///
    /// A record inside itself (a warm-up around another schedule) is listed to its first depth.
    /// Every default on the way is bound.
    ///
    /// @throws IllegalStateException for a default that does not bind
    public static List<Key> of(Class<? extends Record> type) {
        return of(type, Kinds.installed());
    }

    /// The same with these kinds in the place of the installed ones.
    public static List<Key> of(Class<? extends Record> type, Kinds kinds) {
        Keys walk = new Keys();
        walk.walk(Schema.of(type, kinds), "", List.of(), Rules.NONE);
        return List.copyOf(walk.keys);
    }

    private void walk(Schema schema, String path, List<String> kinds, Rules rules) {
        switch (schema) {
            case Schema.Items(Schema item) -> walk(item, path + "[]", kinds, rules);
            case Schema.Table(Schema value) ->
                    walk(value, KeyPath.join(path, "<name>"), kinds, rules);
            case Schema.Struct struct -> fields(struct, path, kinds, rules);
            case Schema.Variants variants -> {
                String kindPath = KeyPath.join(path, Schema.KIND);
                variants.structs()
                        .forEach((kind, struct) -> {
                            List<String> chosen = new ArrayList<>(kinds);
                            chosen.add(kindPath + ": " + kind);
                            addKind(variants, struct, kindPath, chosen);
                            fields(struct, path, chosen, rules);
                        });
            }
            case Schema.Atom _ -> {}
        }
    }

    private void fields(Schema.Struct struct, String path, List<String> kinds, Rules outer) {
        if (!open.add(struct.type())) {
            return;
        }
        for (Schema.Component component : struct.components()) {
            String keyPath = KeyPath.join(path, component.key());
            Rules rules = component.rulesWithin(outer);
            String rule = rules.boundsText();
            if (rules.notEmpty()) {
                rule = rule.isEmpty() ? "not empty" : rule + ", not empty";
            }
            if (component.standard().isPresent()) {
                Binder.standard(component, rules, keyPath);
            }
            keys.add(
                    new Key(
                            keyPath,
                            owner(struct),
                            component.key(),
                            kinds,
                            describe(component.schema()),
                            rule,
                            allowed(component.schema()),
                            component.mayBeAbsent(),
                            component.standard()));
            walk(component.schema(), keyPath, kinds, rules);
        }
        open.remove(struct.type());
    }

    private void addKind(
            Schema.Variants variants, Schema.Struct struct, String path, List<String> kinds) {
        keys.add(
                new Key(
                        path,
                        owner(struct),
                        Schema.KIND,
                        kinds,
                        variants.kinds(),
                        "",
                        List.copyOf(variants.structs().keySet()),
                        variants.factory().isPresent(),
                        Optional.empty()));
    }

    private static String owner(Schema.Struct struct) {
        return Names.snakeCase(struct.type().getSimpleName());
    }

    private static String describe(Schema schema) {
        return switch (schema) {
            case Schema.Items(Schema item) -> "a list, each " + describe(item);
            case Schema.Table(Schema value) -> "a mapping, each value " + describe(value);
            case Schema.Atom _, Schema.Struct _, Schema.Variants _ -> schema.describe();
        };
    }

    private static List<String> allowed(Schema schema) {
        return switch (schema) {
            case Schema.Flag _ -> List.of("true", "false");
            case Schema.Choice choice -> List.copyOf(choice.constants().keySet());
            case Schema.Items(Schema item) -> allowed(item);
            case Schema.Table(Schema value) -> allowed(value);
            case Schema.Variants variants -> List.copyOf(variants.structs().keySet());
            case Schema.Whole _, Schema.Real _, Schema.Text _, Schema.Struct _ -> List.of();
        };
    }
}
