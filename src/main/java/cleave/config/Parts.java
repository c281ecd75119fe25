package cleave.config;

import java.lang.reflect.RecordComponent;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;

/// Finds values of one type within the records of a configuration.
public final class Parts {
    private Parts() {}

    /// The values of a type by the paths of their keys, such as `streams[0].losses[2].p`, in the
    /// order of the file. A value within another of the same type is not listed.
    public static <T> SequencedMap<String, T> of(Record whole, Class<T> type) {
        SequencedMap<String, T> found = new LinkedHashMap<>();
        add("", whole, type, found);
        return found;
    }

    private static <T> void add(
            String path, Object value, Class<T> type, SequencedMap<String, T> found) {
        if (type.isInstance(value)) {
            found.put(path, type.cast(value));
            return;
        }
        switch (value) {
            case Optional<?> maybe -> maybe.ifPresent(inner -> add(path, inner, type, found));
            case List<?> items -> {
                for (int i = 0; i < items.size(); i++) {
                    add(KeyPath.index(path, i), items.get(i), type, found);
                }
            }
            case Record inner -> {
                for (RecordComponent component : inner.getClass().getRecordComponents()) {
                    add(
                            KeyPath.key(path, Names.of(component)),
                            value(component, inner),
                            type,
                            found);
                }
            }
            default -> {
                // Nothing is within a number, a word or a path.
            }
        }
    }

    private static Object value(RecordComponent component, Record owner) {
        try {
            component.getAccessor().setAccessible(true);
            return Objects.requireNonNull(component.getAccessor().invoke(owner));
        } catch (ReflectiveOperationException failure) {
            throw new IllegalStateException(
                    "no value of " + component + " in " + owner.getClass(), failure);
        }
    }
}
