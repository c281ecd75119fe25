package cleave.config;

import cleave.config.KeyPath.Named;
import cleave.config.KeyPath.Numbered;
import cleave.config.KeyPath.Step;
import cleave.config.YamlTree.Sequence;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// One key with one or several values, as in `streams[0].batch=40,80` or `start=aligned,kaiming`.
///
/// @param key the key's path, each name written in one way only
/// @param values as YAML on one line, different from each other; each may stand behind `key=` in
///   [Overrides]
public record Variation(String key, List<String> values) {
    private static final Pattern FORM =
            Pattern.compile("((?:[^=\"]|\"[^\"]*\")+)=(.*)", Pattern.DOTALL);

    /// Keeps an unmodifiable copy.
    public Variation {
        values = List.copyOf(values);
    }

    /// Reads `key.path=a,b,c`. The values are YAML; commas within brackets, braces or quotes part
    /// nothing.
    ///
    /// @param source where the text comes from, such as `--vary`
    /// @throws UserError for text of another form, no value or the same value twice
    public static Variation parse(String source, String text) {
        Matcher form = FORM.matcher(text);
        Optional<List<Step>> steps =
                form.matches() ? KeyPath.parse(form.group(1)) : Optional.empty();
        if (steps.isEmpty()) {
            throw new UserError(
                    source + " must have the form key.path=a,b,c, got \"" + text + "\"");
        }
        String key = "";
        for (Step step : steps.get()) {
            key =
                    switch (step) {
                        case Named(String name) -> KeyPath.key(key, name);
                        case Numbered(int position) -> KeyPath.index(key, position);
                    };
        }
        return new Variation(key, values(source, key, form.group(2)));
    }

    private static List<String> values(String source, String key, String text) {
        if (!(YamlTree.parse(source + " " + key, "[" + text + "]") instanceof Sequence list)) {
            throw new IllegalStateException("a list in brackets is a list");
        }
        List<String> values = list.items().stream().map(YamlWriter::flow).toList();
        Set<String> different = new HashSet<>(values);
        if (values.isEmpty() || different.size() < values.size()) {
            throw new UserError(
                    "%s %s must have values that differ, got %s".formatted(source, key, values));
        }
        return values;
    }

    /// Whether this path is the key, or lies inside what stands there.
    public boolean covers(String path) {
        return path.equals(key) || path.startsWith(key + ".") || path.startsWith(key + "[");
    }
}
