package cleave.config;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.ServiceLoader;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// What a Java type accepts from YAML, found by reflection.
sealed interface Schema {
    /// The key that picks a record of a sealed interface.
    String KIND = "kind";

    /// What is accepted, with its article, to stand after "must be".
    String describe();

    sealed interface Atom extends Schema {}

    record Whole(long min, long max) implements Atom {
        @Override
        public String describe() {
            return "a whole number";
        }
    }

    record Real() implements Atom {
        @Override
        public String describe() {
            return "a number";
        }
    }

    record Flag() implements Atom {
        @Override
        public String describe() {
            return "true or false";
        }
    }

    record Text() implements Atom {
        @Override
        public String describe() {
            return "text";
        }
    }

    record Choice(SequencedMap<String, Object> constants) implements Atom {
        @Override
        public String describe() {
            return "one of " + String.join(", ", constants.keySet());
        }

        static String nameOf(Object constant) {
            return ((Enum<?>) constant).name().toLowerCase(Locale.ROOT);
        }
    }

    record Items(Schema item) implements Schema {
        @Override
        public String describe() {
            return "a list";
        }
    }

    record Table(Schema value) implements Schema {
        @Override
        public String describe() {
            return "a mapping";
        }
    }

    record Struct(Class<?> type, Optional<Factory> factory) implements Schema {
        @Override
        public String describe() {
            return factory.map(scalar -> scalar.parameter().describe() + " or ").orElse("")
                    + "a mapping";
        }

        /// Found on demand, since records may contain themselves.
        List<Component> components() {
            return Arrays.stream(type.getRecordComponents()).map(Component::of).toList();
        }

        Object construct(List<@Nullable Object> values) throws InvocationTargetException {
            Class<?>[] types =
                    Arrays.stream(type.getRecordComponents())
                            .map(RecordComponent::getType)
                            .toArray(Class<?>[]::new);
            try {
                var constructor = type.getDeclaredConstructor(types);
                constructor.setAccessible(true);
                return constructor.newInstance(values.toArray());
            } catch (NoSuchMethodException
                    | InstantiationException
                    | IllegalAccessException exception) {
                throw new IllegalStateException("cannot construct " + type.getName(), exception);
            }
        }
    }

    record Variants(SequencedMap<String, Struct> structs, Optional<Factory> factory)
            implements Schema {
        @Override
        public String describe() {
            return factory.map(scalar -> scalar.parameter().describe() + " or ").orElse("")
                    + "a mapping with kind";
        }

        String kinds() {
            return "one of " + String.join(", ", structs.keySet());
        }
    }

    /// A way to read a record from a bare scalar.
    record Factory(Method method, Atom parameter) {
        Object make(Object value) throws InvocationTargetException {
            try {
                return method.invoke(null, value);
            } catch (IllegalAccessException exception) {
                throw new IllegalStateException("cannot call " + method, exception);
            }
        }
    }

    /// One component of a record.
    ///
    /// @param schema what it accepts; of an `Optional`, what the optional holds
    record Component(
            String key,
            Schema schema,
            Rules rules,
            boolean optional,
            boolean takesOuterRules,
            Method accessor) {
        static Component of(RecordComponent component) {
            Type type = component.getGenericType();
            boolean optional = component.getType() == Optional.class;
            component.getAccessor().setAccessible(true);
            return new Component(
                    snakeCase(component.getName()),
                    Schema.of(optional ? argument(type, 0) : type),
                    Rules.of(component),
                    optional,
                    component.isAnnotationPresent(OuterRule.class),
                    component.getAccessor());
        }

        Rules rulesWithin(Rules outer) {
            return takesOuterRules ? rules.and(outer) : rules;
        }

        Object valueIn(Object owner) {
            try {
                return accessor.invoke(owner);
            } catch (IllegalAccessException | InvocationTargetException exception) {
                throw new IllegalStateException("cannot read " + accessor, exception);
            }
        }
    }

    static Schema of(Type type) {
        if (type instanceof ParameterizedType parameterized) {
            if (parameterized.getRawType() == List.class) {
                return new Items(of(argument(type, 0)));
            }
            if (parameterized.getRawType() == Map.class && argument(type, 0) == String.class) {
                return new Table(of(argument(type, 1)));
            }
        }
        if (type instanceof Class<?> plain) {
            return ofClass(plain);
        }
        throw unsupported(type);
    }

    private static Schema ofClass(Class<?> type) {
        if (type == int.class || type == Integer.class) {
            return new Whole(Integer.MIN_VALUE, Integer.MAX_VALUE);
        }
        if (type == long.class || type == Long.class) {
            return new Whole(Long.MIN_VALUE, Long.MAX_VALUE);
        }
        if (type == double.class || type == Double.class) {
            return new Real();
        }
        if (type == boolean.class || type == Boolean.class) {
            return new Flag();
        }
        if (type == String.class) {
            return new Text();
        }
        if (type.isEnum()) {
            SequencedMap<String, Object> constants = new LinkedHashMap<>();
            for (Object constant : type.getEnumConstants()) {
                constants.put(Choice.nameOf(constant), constant);
            }
            return new Choice(Collections.unmodifiableSequencedMap(constants));
        }
        if (type.isRecord()) {
            return new Struct(type, factoryOf(type));
        }
        Open open = type.getAnnotation(Open.class);
        if (open != null) {
            SequencedMap<String, Struct> structs = new LinkedHashMap<>();
            Arrays.stream(open.core()).forEach(record -> addRecord(record, structs));
            for (OwnKinds own : ServiceLoader.load(OwnKinds.class)) {
                own.kinds().stream()
                        .filter(type::isAssignableFrom)
                        .forEach(record -> addRecord(record, structs));
            }
            return new Variants(structs, factoryOf(type));
        }
        if (type.isSealed() && type.isInterface()) {
            SequencedMap<String, Struct> structs = new LinkedHashMap<>();
            addRecords(type, structs);
            return new Variants(structs, factoryOf(type));
        }
        throw unsupported(type);
    }

    private static void addRecords(Class<?> type, Map<String, Struct> structs) {
        for (Class<?> permitted : type.getPermittedSubclasses()) {
            if (permitted.isRecord()) {
                addRecord(permitted, structs);
            } else if (permitted.isSealed() && permitted.isInterface()) {
                addRecords(permitted, structs);
            } else {
                throw unsupported(permitted);
            }
        }
    }

    private static void addRecord(Class<?> record, Map<String, Struct> structs) {
        String kind = snakeCase(record.getSimpleName());
        Struct before = structs.putIfAbsent(kind, new Struct(record, Optional.empty()));
        if (before != null && before.type() != record) {
            throw new IllegalStateException(
                    "kind %s must belong to one record, got %s and %s"
                            .formatted(kind, before.type().getName(), record.getName()));
        }
    }

    private static Optional<Factory> factoryOf(Class<?> type) {
        List<Method> methods =
                Arrays.stream(type.getDeclaredMethods())
                        .filter(method -> method.isAnnotationPresent(FromScalar.class))
                        .toList();
        if (methods.isEmpty()) {
            return Optional.empty();
        }
        Method method = methods.getFirst();
        boolean fits =
                methods.size() == 1
                        && Modifier.isStatic(method.getModifiers())
                        && method.getParameterCount() == 1
                        && type.isAssignableFrom(method.getReturnType());
        if (fits && of(method.getGenericParameterTypes()[0]) instanceof Atom atom) {
            method.setAccessible(true);
            return Optional.of(new Factory(method, atom));
        }
        throw new IllegalStateException(
                "@FromScalar must mark one static factory of one scalar, got "
                        + methods.stream().map(Method::toString).collect(Collectors.joining(", ")));
    }

    private static Type argument(Type type, int position) {
        if (type instanceof ParameterizedType parameterized) {
            return parameterized.getActualTypeArguments()[position];
        }
        throw unsupported(type);
    }

    /// `learningRate` and `LearningRate` become `learning_rate`.
    static String snakeCase(String name) {
        return name.replaceAll("([a-z0-9])([A-Z])", "$1_$2")
                .replaceAll("([A-Z])([A-Z][a-z])", "$1_$2")
                .toLowerCase(Locale.ROOT);
    }

    private static IllegalStateException unsupported(Type type) {
        return new IllegalStateException("a configuration cannot hold " + type.getTypeName());
    }
}
