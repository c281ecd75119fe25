package cleave.model;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The keys of a published configuration (`config.json`) as a family reads them.
///
/// A fact has several names among published files: each method takes all of them, and the first
/// that is given counts. What is missing or wrong becomes a problem, and the method returns a value
/// that does no harm, so that one reading finds every problem.
public final class ModelConfig {
    /// The names that activations go by; those of one activation are the same function.
    private static final Map<String, Activation> ACTIVATIONS =
            Map.ofEntries(
                    Map.entry("gelu_new", Activation.GELU_NEW),
                    Map.entry("gelu_fast", Activation.GELU_NEW),
                    Map.entry("gelu_pytorch_tanh", Activation.GELU_NEW),
                    Map.entry("gelu", Activation.GELU),
                    Map.entry("gelu_python", Activation.GELU),
                    Map.entry("relu", Activation.RELU),
                    Map.entry("silu", Activation.SILU),
                    Map.entry("swish", Activation.SILU));

    /// More blocks than any model has, so that a wrong number costs nothing before it is refused.
    static final int MOST_LAYERS = 10_000;

    private final Map<String, ?> values;
    private final String within;
    private final List<String> problems;
    private final List<String> warnings;
    private final Set<String> unsound; // keys of numbers that a harmless one stands for

    /// A configuration.
    ///
    /// @param values as a reader of JSON gives them: strings, numbers, booleans, lists, maps, null
    public ModelConfig(Map<String, ?> values) {
        this(values, "", new ArrayList<>(), new ArrayList<>(), new HashSet<>());
    }

    private ModelConfig(
            Map<String, ?> values,
            String within,
            List<String> problems,
            List<String> warnings,
            Set<String> unsound) {
        this.values = values;
        this.within = within;
        this.problems = problems;
        this.warnings = warnings;
        this.unsound = unsound;
    }

    /// What is wrong so far.
    public List<String> problems() {
        return Collections.unmodifiableList(problems);
    }

    /// What is odd so far but does no harm.
    public List<String> warnings() {
        return Collections.unmodifiableList(warnings);
    }

    /// Adds a problem.
    @SuppressWarnings("AnnotateFormatMethod")
    public void problem(String format, Object... values) {
        problems.add(format.formatted(values));
    }

    /// Adds a warning.
    @SuppressWarnings("AnnotateFormatMethod")
    public void warning(String format, Object... values) {
        warnings.add(format.formatted(values));
    }

    /// Whether a key is there with a value other than null.
    public boolean has(String key) {
        return values.get(key) != null;
    }

    /// The first of these keys that is given, or else the first.
    private String key(String... keys) {
        for (String key : keys) {
            if (has(key)) {
                return key;
            }
        }
        return keys[0];
    }

    private String shown(String key) {
        Object value = values.get(key);
        if (value == null) {
            return values.containsKey(key) ? "null" : "nothing";
        }
        return value instanceof String text ? '"' + text + '"' : String.valueOf(value);
    }

    /// Whether the facts of these names are what the configuration says. Where one is missing or
    /// wrong a harmless number stands for it, and a rule about it and others would report a problem
    /// that the configuration does not have.
    public boolean isSound(String... keys) {
        return Arrays.stream(keys).noneMatch(unsound::contains);
    }

    /// A whole number of at least 1.
    public int size(String... keys) {
        String key = key(keys);
        if (values.get(key) instanceof Number number
                && (number instanceof Integer || number instanceof Long)
                && number.longValue() >= 1
                && number.longValue() <= Integer.MAX_VALUE) {
            return number.intValue();
        }
        problem("%s must be a whole number >= 1, got %s", within + key, shown(key));
        unsound.addAll(List.of(keys));
        return 1;
    }

    /// The same; `otherwise` where it is not given.
    public int sizeOr(int otherwise, String... keys) {
        return has(key(keys)) ? size(keys) : otherwise;
    }

    /// How many heads share a width; a width that is no multiple of it is a problem.
    ///
    /// @param widthKey the key that the width has
    public int heads(int width, String widthKey, String... keys) {
        int heads = size(keys);
        if (width % heads != 0 && isSound(widthKey) && isSound(keys)) {
            problem(
                    "%s must be a multiple of %s, got %d, %d",
                    within + widthKey, within + keys[0], width, heads);
        }
        return heads;
    }

    /// A number above 0.
    public double positive(String... keys) {
        String key = key(keys);
        if (values.get(key) instanceof Number number
                && number.doubleValue() > 0
                && Double.isFinite(number.doubleValue())) {
            return number.doubleValue();
        }
        problem("%s must be > 0, got %s", within + key, shown(key));
        unsound.addAll(List.of(keys));
        return 1;
    }

    /// The same; `otherwise` where it is not given.
    public double positiveOr(double otherwise, String... keys) {
        return has(key(keys)) ? positive(keys) : otherwise;
    }

    /// True or false; `otherwise` where it is not given.
    public boolean flag(boolean otherwise, String... keys) {
        String key = key(keys);
        if (!has(key)) {
            return otherwise;
        }
        if (values.get(key) instanceof Boolean flag) {
            return flag;
        }
        problem("%s must be true or false, got %s", within + key, shown(key));
        return otherwise;
    }

    /// Refuses a flag whose other value is not supported.
    public void require(String key, boolean only) {
        if (flag(only, key) != only) {
            problem("%s must be %s, the other is not supported, got %s", key, only, !only);
        }
    }

    /// A text, if it is given.
    public Optional<String> text(String... keys) {
        String key = key(keys);
        if (!has(key)) {
            return Optional.empty();
        }
        if (values.get(key) instanceof String text) {
            return Optional.of(text);
        }
        problem("%s must be text, got %s", within + key, shown(key));
        return Optional.empty();
    }

    /// A list, if it is given.
    public Optional<List<?>> list(String... keys) {
        String key = key(keys);
        if (!has(key)) {
            return Optional.empty();
        }
        if (values.get(key) instanceof List<?> list) {
            return Optional.of(list);
        }
        problem("%s must be a list, got %s", within + key, shown(key));
        return Optional.empty();
    }

    /// A table within the configuration, if it is given. Its problems are of this one.
    public Optional<ModelConfig> table(String... keys) {
        String key = key(keys);
        if (!has(key)) {
            return Optional.empty();
        }
        if (values.get(key) instanceof Map<?, ?> map) {
            SequencedMap<String, Object> inner = new LinkedHashMap<>();
            map.forEach((name, value) -> inner.put(String.valueOf(name), value));
            return Optional.of(
                    new ModelConfig(inner, within + key + ".", problems, warnings, unsound));
        }
        problem("%s must be a table, got %s", within + key, shown(key));
        return Optional.empty();
    }

    /// An activation.
    ///
    /// @param otherwise where it is not given
    /// @param allowed what the family can have
    public Activation activationOr(
            Activation otherwise, Collection<Activation> allowed, String... keys) {
        String key = key(keys);
        if (!has(key)) {
            return otherwise;
        }
        @Nullable Activation known =
                values.get(key) instanceof String text ? ACTIVATIONS.get(text) : null;
        if (known == null || !allowed.contains(known)) {
            problem(
                    "%s must be one of %s, got %s",
                    within + key,
                    ACTIVATIONS.entrySet().stream()
                            .filter(each -> allowed.contains(each.getValue()))
                            .map(Map.Entry::getKey)
                            .sorted()
                            .toList(),
                    shown(key));
            return otherwise;
        }
        return known;
    }

    /// Any activation that is known.
    public Activation activationOr(Activation otherwise, String... keys) {
        return activationOr(otherwise, EnumSet.allOf(Activation.class), keys);
    }

    /// What an activation is called in a configuration.
    public static String name(Activation activation) {
        return switch (activation) {
            case GELU_NEW -> "gelu_new";
            case GELU -> "gelu";
            case RELU -> "relu";
            case SILU -> "silu";
        };
    }

    /// Warns of special tokens that are none of the vocabulary, which tools leave in small models.
    ///
    /// @param vocabulary number of tokens
    public void checkSpecialTokens(int vocabulary) {
        for (String key : List.of("bos_token_id", "eos_token_id", "pad_token_id")) {
            Object value = values.get(key);
            List<?> ids = value instanceof List<?> several ? several : listOf(value);
            List<?> beyond =
                    ids.stream()
                            .filter(id ->
                                    id instanceof Number number && number.longValue() >= vocabulary)
                            .toList();
            if (!beyond.isEmpty()) {
                warning(
                        "%s must be below the vocabulary of %d tokens, got %s; it is passed over",
                        key,
                        vocabulary,
                        beyond.stream().map(String::valueOf).collect(Collectors.joining(", ")));
            }
        }
    }

    private static List<?> listOf(@Nullable Object value) {
        return value == null ? List.of() : List.of(value);
    }

    /// The keys that are given, in order of the alphabet.
    Set<String> keys() {
        return values.keySet().stream()
                .filter(Objects::nonNull)
                .collect(Collectors.toCollection(TreeSet::new));
    }
}
