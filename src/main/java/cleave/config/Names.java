package cleave.config;

import java.lang.reflect.AnnotatedElement;
import java.lang.reflect.RecordComponent;
import java.util.List;
import java.util.Locale;

/// What components, enum constants and kinds are called in files.
final class Names {
    private Names() {}

    static String of(RecordComponent component) {
        return of(component, snakeCase(component.getName()));
    }

    /// The name of an enum constant.
    static String of(Enum<?> constant) {
        return of(field(constant), constant.name().toLowerCase(Locale.ROOT));
    }

    /// The kind of a record.
    static String of(Class<?> kind) {
        return of(kind, snakeCase(kind.getSimpleName()));
    }

    /// The names of older files.
    static List<String> former(AnnotatedElement element) {
        Formerly formerly = element.getAnnotation(Formerly.class);
        return formerly == null ? List.of() : List.of(formerly.value());
    }

    static List<String> former(Enum<?> constant) {
        return former(field(constant));
    }

    /// `learningRate` and `LearningRate` become `learning_rate`.
    static String snakeCase(String name) {
        return name.replaceAll("([a-z0-9])([A-Z])", "$1_$2")
                .replaceAll("([A-Z])([A-Z][a-z])", "$1_$2")
                .toLowerCase(Locale.ROOT);
    }

    private static String of(AnnotatedElement element, String otherwise) {
        Name name = element.getAnnotation(Name.class);
        return name == null ? otherwise : name.value();
    }

    private static AnnotatedElement field(Enum<?> constant) {
        try {
            return constant.getDeclaringClass().getDeclaredField(constant.name());
        } catch (NoSuchFieldException exception) {
            throw new IllegalStateException("no field for " + constant, exception);
        }
    }
}
