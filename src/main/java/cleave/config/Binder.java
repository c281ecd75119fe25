package cleave.config;

import cleave.config.YamlTree.Mapping;
import cleave.config.YamlTree.Meaning;
import cleave.config.YamlTree.Node;
import cleave.config.YamlTree.Place;
import cleave.config.YamlTree.Scalar;
import cleave.config.YamlTree.Sequence;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedSet;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Binds trees to records: a component `learningRate` is read from the key `learning_rate`, or from
/// the key that [Name] gives it.
///
/// Components are `int`, `long`, `double`, `boolean`, `String`, enums (in lower case), records,
/// interfaces whose record is picked by the key `kind` (sealed ones, and open ones with [Kinds]),
/// and `List<T>`, `Map<String, T>` and `Optional<T>` of these. An `Optional` and a component with a
/// [Default] may be absent, or be given as `~` to say so. Names of older files ([Formerly]) are
/// read and noted. Rules are annotations on the components ([AtLeast] and its like), what a compact
/// constructor refuses with an `IllegalArgumentException` or a [UserError], and [Checked].
public final class Binder {
    private record Check(Checked value, String path, Node node) {}

    private final Problems problems;
    private final List<Check> checks = new ArrayList<>();

    private Binder(Problems problems) {
        this.problems = problems;
    }

    /// The record that `root` describes, with the kinds that are installed.
    ///
    /// @throws InvalidConfig with every problem there is
    public static <T> T bind(Node root, Class<T> type) {
        return bind(root, type, Kinds.installed(), _ -> {});
    }

    /// The record that `root` describes.
    ///
    /// @param notes is told of every name that is another one today
    /// @throws InvalidConfig with every problem there is
    public static <T> T bind(Node root, Class<T> type, Kinds kinds, Consumer<Problem> notes) {
        return bind(root, type, kinds, new Problems(), notes);
    }

    /// Parses `text`, applies the `key.path=value` settings to it and binds the result, with the
    /// kinds that are installed.
    ///
    /// @param source the file's name as problems shall show it
    /// @throws InvalidConfig with every problem of the text, the settings and the values
    public static <T> T read(String source, String text, List<String> settings, Class<T> type) {
        return read(source, text, settings, type, Kinds.installed(), _ -> {});
    }

    /// Parses `text`, applies the `key.path=value` settings to it and binds the result.
    ///
    /// @param source the file's name as problems shall show it
    /// @param notes is told of every name that is another one today
    /// @throws InvalidConfig with every problem of the text, the settings and the values
    public static <T> T read(
            String source,
            String text,
            List<String> settings,
            Class<T> type,
            Kinds kinds,
            Consumer<Problem> notes) {
        Problems problems = new Problems();
        Node root = new YamlReader(text, line -> new Place(source, line), "", problems).read();
        Optional<Schema> schema = Optional.of(Schema.of(type, kinds));
        Node changed = Overrides.apply(root, settings, schema, problems);
        return bind(changed, type, kinds, problems, notes);
    }

    /// The tree that binds to an equal record, with the kinds that are installed; its keys stand in
    /// the order of the components, and defaults are written out.
    public static Node toTree(Record value) {
        return toTree(value, Kinds.installed());
    }

    /// The same with these kinds.
    public static Node toTree(Record value, Kinds kinds) {
        return Unbinder.tree(value, kinds);
    }

    /// The same configuration as [#toTree] writes it: with the names of today and with every
    /// default.
    ///
    /// @throws InvalidConfig when `root` does not bind
    public static Node canonical(Node root, Class<? extends Record> type) {
        return toTree(bind(root, type));
    }

    private static <T> T bind(
            Node root, Class<T> type, Kinds kinds, Problems problems, Consumer<Problem> notes) {
        Binder binder = new Binder(problems);
        Object value = binder.checked(Schema.of(type, kinds), root, "", Rules.NONE);
        problems.throwIfAny();
        if (value == null) {
            throw new IllegalStateException("nothing was bound and no problem reported");
        }
        problems.notes().forEach(notes);
        return type.cast(value);
    }

    /// The value of a component's default.
    ///
    /// @throws IllegalStateException for one that does not bind
    static Object standard(Schema.Component component, Rules rules, String path) {
        Problems problems = new Problems();
        Node node = component.standardNode().orElseThrow();
        Object value = new Binder(problems).checked(component.schema(), node, path, rules);
        if (value == null || problems.count() > 0) {
            throw new IllegalStateException(
                    "the default of a key must bind, got " + problems.asException().getMessage());
        }
        return value;
    }

    private @Nullable Object checked(Schema schema, Node root, String path, Rules rules) {
        Object value = value(schema, root, path, rules);
        for (Check check : checks) {
            check.value().check(problems.under(check.path(), check.node()));
        }
        return value;
    }

    /// The value at `node`, or null when a problem was reported instead.
    private @Nullable Object value(Schema schema, Node node, String path, Rules rules) {
        return switch (schema) {
            case Schema.Atom atom -> atom(atom, schema, node, path, rules);
            case Schema.Items items when node instanceof Sequence sequence ->
                    list(items, sequence, path, rules);
            case Schema.Table table when node instanceof Mapping mapping ->
                    map(table, mapping, path, rules);
            case Schema.Struct struct when node instanceof Mapping mapping ->
                    fields(struct, mapping, path, rules, Set.of());
            case Schema.Struct struct when struct.factory().isPresent() ->
                    fromScalar(struct.factory().get(), struct, node, path, rules);
            case Schema.Variants variants when node instanceof Mapping mapping ->
                    variant(variants, mapping, path, rules);
            case Schema.Variants variants when variants.factory().isPresent() ->
                    fromScalar(variants.factory().get(), variants, node, path, rules);
            case Schema.Items _, Schema.Table _, Schema.Struct _, Schema.Variants _ ->
                    mismatch(schema, node, path, Optional.empty());
        };
    }

    private @Nullable Object list(Schema.Items items, Sequence sequence, String path, Rules rules) {
        refuseEmpty(rules, sequence.items().isEmpty(), sequence, path);
        int before = problems.count();
        List<Object> values = new ArrayList<>();
        for (int i = 0; i < sequence.items().size(); i++) {
            String itemPath = KeyPath.index(path, i);
            Object value = value(items.item(), sequence.items().get(i), itemPath, rules.ofItems());
            if (value != null) {
                values.add(value);
            }
        }
        return problems.count() > before ? null : List.copyOf(values);
    }

    private @Nullable Object map(Schema.Table table, Mapping mapping, String path, Rules rules) {
        refuseEmpty(rules, mapping.entries().isEmpty(), mapping, path);
        int before = problems.count();
        Map<String, Object> values = new LinkedHashMap<>();
        for (Map.Entry<String, Node> entry : mapping.entries().entrySet()) {
            String entryPath = KeyPath.key(path, entry.getKey());
            Object value = value(table.value(), entry.getValue(), entryPath, rules.ofItems());
            if (value != null) {
                values.put(entry.getKey(), value);
            }
        }
        return problems.count() > before ? null : Collections.unmodifiableMap(values);
    }

    private void refuseEmpty(Rules rules, boolean empty, Node node, String path) {
        if (rules.notEmpty() && empty) {
            problems.report(node.at(), path, "must not be empty");
        }
    }

    private @Nullable Object variant(
            Schema.Variants variants, Mapping mapping, String path, Rules rules) {
        Node kind = mapping.entries().get(Schema.KIND);
        String kindPath = KeyPath.key(path, Schema.KIND);
        if (kind == null) {
            problems.report(mapping.at(), kindPath, "is missing (" + variants.kinds() + ")");
            return null;
        }
        Optional<Schema.Struct> struct =
                kind instanceof Scalar scalar ? variants.struct(scalar.text()) : Optional.empty();
        if (struct.isEmpty()) {
            Optional<String> hint =
                    kind instanceof Scalar scalar
                            ? didYouMean(
                                    scalar.text(),
                                    variants.structs().sequencedKeySet(),
                                    variants.former())
                            : Optional.empty();
            String message = "must be " + variants.kinds() + ", got " + shown(kind);
            problems.report(kind.at(), kindPath, message, hint);
            return null;
        }
        noteFormer(kind, kindPath, variants.former());
        return fields(struct.get(), mapping, path, rules, Set.of(Schema.KIND));
    }

    private @Nullable Object fields(
            Schema.Struct struct, Mapping mapping, String path, Rules outer, Set<String> read) {
        int before = problems.count();
        List<Schema.Component> components = struct.components();
        Set<String> misspelt = refuseUnknown(mapping, path, components, read);
        List<@Nullable Object> values = new ArrayList<>();
        for (Schema.Component component : components) {
            String key = keyIn(mapping, component, path);
            String keyPath = KeyPath.key(path, key);
            Rules rules = component.rulesWithin(outer);
            Node node = mapping.entries().get(key);
            if (component.mayBeAbsent() && (node == null || saysAbsent(node))) {
                values.add(
                        component.optional()
                                ? Optional.empty()
                                : standard(component, rules, keyPath));
            } else if (node != null) {
                Object value = value(component.schema(), node, keyPath, rules);
                values.add(component.optional() ? Optional.ofNullable(value) : value);
            } else if (!misspelt.contains(key)) {
                String text = rules.boundsText();
                String expected = component.schema().describe() + (text.isEmpty() ? "" : " ");
                problems.report(mapping.at(), keyPath, "is missing (" + expected + text + ")");
            }
        }
        if (problems.count() > before) {
            return null;
        }
        return constructed(() -> struct.construct(values), mapping, path);
    }

    /// The name under which a component stands in a mapping: an older one where that is given, and
    /// the one of today when there is none.
    private String keyIn(Mapping mapping, Schema.Component component, String path) {
        List<String> given =
                component.names().stream().filter(mapping.entries()::containsKey).toList();
        if (given.isEmpty()) {
            return component.key();
        }
        String first = given.getFirst();
        for (String other : given.subList(1, given.size())) {
            problems.report(
                    Objects.requireNonNull(mapping.entries().get(other)).at(),
                    KeyPath.key(path, other),
                    "must not be given beside %s, another name of the same key".formatted(first));
        }
        if (!first.equals(component.key())) {
            problems.note(
                    Objects.requireNonNull(mapping.entries().get(first)).at(),
                    KeyPath.key(path, first),
                    "is called %s now".formatted(component.key()));
        }
        return first;
    }

    private void noteFormer(Node node, String path, Map<String, String> former) {
        if (node instanceof Scalar scalar && former.containsKey(scalar.text())) {
            problems.note(
                    node.at(),
                    path,
                    "%s is called %s now".formatted(scalar.text(), former.get(scalar.text())));
        }
    }

    /// `~` or `null`; a key with nothing behind it may be one that was forgotten.
    private static boolean saysAbsent(Node node) {
        return node instanceof Scalar scalar
                && scalar.meaning() == Meaning.NOTHING
                && !scalar.text().isEmpty();
    }

    /// Reports the keys that are not known, and returns those they were probably meant to be.
    private Set<String> refuseUnknown(
            Mapping mapping, String path, List<Schema.Component> components, Set<String> read) {
        SequencedSet<String> known = new LinkedHashSet<>(read);
        Map<String, String> former = new LinkedHashMap<>();
        for (Schema.Component component : components) {
            known.add(component.key());
            component.former().forEach(old -> former.put(old, component.key()));
        }
        Set<String> meant = new HashSet<>();
        for (Map.Entry<String, Node> entry : mapping.entries().entrySet()) {
            String key = entry.getKey();
            if (!known.contains(key) && !former.containsKey(key)) {
                nearest(key, known, former).ifPresent(meant::add);
                problems.report(
                        entry.getValue().at(),
                        KeyPath.key(path, key),
                        "is not a known key",
                        didYouMean(key, known, former));
            }
        }
        return meant;
    }

    private interface Construction {
        Object run() throws InvocationTargetException;
    }

    private @Nullable Object constructed(Construction construction, Node node, String path) {
        Object value;
        try {
            value = construction.run();
        } catch (InvocationTargetException exception) {
            Throwable refusal = exception.getCause();
            if (refusal instanceof IllegalArgumentException || refusal instanceof UserError) {
                String message = String.valueOf(refusal.getMessage());
                problems.report(node.at(), path.isEmpty() ? "" : path + ":", message);
                return null;
            }
            throw new IllegalStateException("cannot construct " + path, exception.getCause());
        }
        if (value instanceof Checked checked) {
            checks.add(new Check(checked, path, node));
        }
        return value;
    }

    private @Nullable Object fromScalar(
            Schema.Factory factory, Schema asked, Node node, String path, Rules rules) {
        int before = problems.count();
        Object value = atom(factory.parameter(), asked, node, path, rules);
        if (value == null || problems.count() > before) {
            return null;
        }
        return constructed(() -> factory.make(value), node, path);
    }

    /// @param asked what to name in a complaint: the atom, or the type that also reads from it
    private @Nullable Object atom(
            Schema.Atom atom, Schema asked, Node node, String path, Rules rules) {
        if (!(node instanceof Scalar scalar)) {
            return mismatch(asked, node, path, Optional.empty());
        }
        Meaning meaning = scalar.meaning();
        String text = scalar.text();
        switch (atom) {
            case Schema.Whole whole when meaning == Meaning.WHOLE_NUMBER -> {
                return whole(whole, scalar, path, rules);
            }
            case Schema.Real _ when meaning.isNumber() || meaning == Meaning.NOT_FINITE -> {
                return real(scalar, path, rules);
            }
            case Schema.Flag _ when meaning == Meaning.BOOLEAN -> {
                return Boolean.parseBoolean(text);
            }
            case Schema.Text _ when meaning == Meaning.TEXT -> {
                refuseEmpty(rules, text.isBlank(), node, path);
                return text;
            }
            case Schema.Choice choice when choice.constants().containsKey(text) -> {
                return choice.constants().get(text);
            }
            case Schema.Choice choice when choice.former().containsKey(text) -> {
                noteFormer(node, path, choice.former());
                return choice.constants().get(choice.former().get(text));
            }
            case Schema.Whole _, Schema.Real _, Schema.Flag _, Schema.Text _, Schema.Choice _ -> {
                return mismatch(asked, node, path, advice(atom, scalar));
            }
        }
    }

    private @Nullable Object whole(Schema.Whole whole, Scalar scalar, String path, Rules rules) {
        try {
            long value = Long.parseLong(scalar.text());
            if (value >= whole.min() && value <= whole.max()) {
                refuseOutOfBounds((double) value, scalar, path, rules);
                return whole.max() == Integer.MAX_VALUE ? (Object) (int) value : (Object) value;
            }
        } catch (NumberFormatException _) {
            // Digits only, so it is beyond the range of long.
        }
        String range = "must be a whole number from " + whole.min() + " to " + whole.max();
        problems.report(scalar.at(), path, range + ", got " + scalar.text());
        return null;
    }

    private @Nullable Object real(Scalar scalar, String path, Rules rules) {
        boolean readable = scalar.meaning() != Meaning.NOT_FINITE;
        double value = readable ? Double.parseDouble(scalar.text()) : Double.NaN;
        if (!Double.isFinite(value)) {
            problems.report(scalar.at(), path, "must be a finite number, got " + scalar.text());
            return null;
        }
        refuseOutOfBounds(value, scalar, path, rules);
        return value;
    }

    private void refuseOutOfBounds(double value, Scalar scalar, String path, Rules rules) {
        if (!rules.allow(value)) {
            String message = "must be " + rules.boundsText() + ", got " + scalar.text();
            problems.report(scalar.at(), path, message);
        }
    }

    private static Optional<String> advice(Schema.Atom atom, Scalar scalar) {
        String text = scalar.text();
        Meaning unquoted = new Scalar(scalar.at(), text, false).meaning();
        return switch (atom) {
            case Schema.Whole _, Schema.Real _ when scalar.quoted() && unquoted.isNumber() ->
                    Optional.of("remove the quotes");
            case Schema.Whole _, Schema.Real _ when text.matches("[0-9]+(_[0-9]+)+") ->
                    Optional.of("write " + text.replace("_", ""));
            case Schema.Flag _ when scalar.quoted() && unquoted == Meaning.BOOLEAN ->
                    Optional.of("remove the quotes");
            case Schema.Flag _ when text.matches("(?i)y|yes|on") -> Optional.of("write true");
            case Schema.Flag _ when text.matches("(?i)n|no|off") -> Optional.of("write false");
            case Schema.Text _ when scalar.meaning() != Meaning.NOTHING ->
                    Optional.of("write \"" + text + "\" with the quotes");
            case Schema.Choice choice ->
                    didYouMean(text, choice.constants().sequencedKeySet(), choice.former());
            case Schema.Whole _, Schema.Real _, Schema.Flag _, Schema.Text _ -> Optional.empty();
        };
    }

    private @Nullable Object mismatch(Schema asked, Node node, String path, Optional<String> hint) {
        String message = "must be " + asked.describe() + ", got " + shown(node);
        problems.report(node.at(), path, message, hint);
        return null;
    }

    private static Optional<String> didYouMean(
            String name, SequencedSet<String> candidates, Map<String, String> former) {
        return nearest(name, candidates, former).map(near -> "did you mean " + near + "?");
    }

    /// The nearest name of today; a name near an older one means the one that took its place.
    private static Optional<String> nearest(
            String name, SequencedSet<String> candidates, Map<String, String> former) {
        return NearestName.of(name, candidates)
                .or(() -> NearestName.of(name, former.keySet()).map(former::get));
    }

    private static String shown(Node node) {
        return switch (node) {
            case Mapping _ -> "a mapping";
            case Sequence _ -> "a list";
            case Scalar scalar ->
                    switch (scalar.meaning()) {
                        case NOTHING -> "nothing";
                        case TEXT -> "\"" + scalar.text() + "\"";
                        case BOOLEAN, WHOLE_NUMBER, NUMBER, NOT_FINITE -> scalar.text();
                    };
        };
    }
}
