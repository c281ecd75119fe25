package cleave.config;

import cleave.config.YamlTree.Mapping;
import cleave.config.YamlTree.Node;
import cleave.config.YamlTree.Scalar;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// What a Java type accepts from YAML, found by reflection.
sealed interface Schema {
    /// The key that picks a record of an interface.
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

    /// One of some constants.
    ///
    /// @param former names of older files, each with the name of today
    record Choice(SequencedMap<String, Object> constants, Map<String, String> former)
            implements Atom {
        @Override
        public String describe() {
            return "one of " + String.join(", ", constants.keySet());
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

    record Struct(Class<?> type, Optional<Factory> factory, Kinds kinds) implements Schema {
        @Override
        public String describe() {
            return factory.map(scalar -> scalar.parameter().describe() + " or ").orElse("")
                    + "a mapping";
        }

        /// Found on demand, since records may contain themselves.
        List<Component> components() {
            List<Component> components =
                    Arrays.stream(type.getRecordComponents())
                            .map(component -> Component.of(component, kinds))
                            .toList();
            Set<String> names = new HashSet<>();
            for (Component component : components) {
                for (String name : component.names()) {
                    if (!names.add(name)) {
                        throw new IllegalStateException(
                                "keys of " + type.getName() + " must differ, got two " + name);
                    }
                }
            }
            return components;
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

    /// One of some records, told apart by the key `kind`.
    ///
    /// @param former kinds of older files, each with the kind of today
    record Variants(
            SequencedMap<String, Struct> structs,
            Map<String, String> former,
            Optional<Factory> factory)
            implements Schema {
        @Override
        public String describe() {
            return factory.map(scalar -> scalar.parameter().describe() + " or ").orElse("")
                    + "a mapping with kind";
        }

        String kinds() {
            return "one of " + String.join(", ", structs.keySet());
        }

        /// The record of a kind under its name of today or an older one.
        Optional<Struct> struct(String kind) {
            return Optional.ofNullable(structs.get(former.getOrDefault(kind, kind)));
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
    /// @param former keys of older files
    /// @param schema what it accepts; of an `Optional`, what the optional holds
    /// @param standard YAML text of the value when the key is absent
    record Component(
            String key,
            List<String> former,
            Schema schema,
            Rules rules,
            boolean optional,
            Optional<String> standard,
            boolean takesOuterRules,
            Method accessor) {
        static Component of(RecordComponent component, Kinds kinds) {
            Type type = component.getGenericType();
            boolean optional = component.getType() == Optional.class;
            component.getAccessor().setAccessible(true);
            Default standard = component.getAnnotation(Default.class);
            if (optional && standard != null) {
                throw new IllegalStateException(
                        "an Optional must have no default, got one of " + component);
            }
            return new Component(
                    Names.of(component),
                    Names.former(component),
                    Schema.of(optional ? argument(type, 0) : type, kinds),
                    Rules.of(component),
                    optional,
                    Optional.ofNullable(standard).map(Default::value),
                    component.isAnnotationPresent(OuterRule.class),
                    component.getAccessor());
        }

        /// The key of today, then those of older files.
        List<String> names() {
            List<String> names = new ArrayList<>(List.of(key));
            names.addAll(former);
            return names;
        }

        boolean mayBeAbsent() {
            return optional || standard.isPresent();
        }

        /// The tree of the default.
        Optional<Node> standardNode() {
            return standard.map(text -> YamlTree.parse("default of " + key, text));
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

    /// The component of a mapping that has a name of today or an older one, as far as the mapping
    /// tells which record it is.
    default Optional<Component> component(Mapping mapping, String name) {
        Optional<Struct> struct =
                switch (this) {
                    case Struct itself -> Optional.of(itself);
                    case Variants variants
                            when mapping.entries().get(KIND) instanceof Scalar scalar ->
                            variants.struct(scalar.text());
                    case Variants _, Items _, Table _, Atom _ -> Optional.empty();
                };
        return struct.stream()
                .flatMap(each -> each.components().stream())
                .filter(component -> component.names().contains(name))
                .findFirst();
    }

    static Schema of(Type type, Kinds kinds) {
        if (type instanceof ParameterizedType parameterized) {
            if (parameterized.getRawType() == List.class) {
                return new Items(of(argument(type, 0), kinds));
            }
            if (parameterized.getRawType() == Map.class && argument(type, 0) == String.class) {
                return new Table(of(argument(type, 1), kinds));
            }
        }
        if (type instanceof Class<?> plain) {
            return ofClass(plain, kinds);
        }
        throw unsupported(type);
    }

    private static Schema ofClass(Class<?> type, Kinds kinds) {
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
            return choice(type);
        }
        if (type.isRecord()) {
            return new Struct(type, factoryOf(type, kinds), kinds);
        }
        if (type.isInterface()) {
            SequencedMap<String, Struct> structs = new LinkedHashMap<>();
            Map<String, String> former = new LinkedHashMap<>();
            addRecords(type, kinds, structs, former);
            if (!structs.isEmpty()) {
                return new Variants(structs, former, factoryOf(type, kinds));
            }
        }
        throw unsupported(type);
    }

    private static Choice choice(Class<?> type) {
        SequencedMap<String, Object> constants = new LinkedHashMap<>();
        Map<String, String> former = new LinkedHashMap<>();
        for (Object constant : type.getEnumConstants()) {
            String name = Names.of((Enum<?>) constant);
            add(name, constant, Names.former((Enum<?>) constant), constants, former, type);
        }
        return new Choice(
                Collections.unmodifiableSequencedMap(constants),
                Collections.unmodifiableMap(former));
    }

    private static void addRecords(
            Class<?> type, Kinds kinds, Map<String, Struct> structs, Map<String, String> former) {
        List<Class<?>> all =
                type.isSealed() ? List.of(type.getPermittedSubclasses()) : kinds.of(type);
        for (Class<?> each : all) {
            if (each.isRecord() && type.isAssignableFrom(each)) {
                Struct struct = new Struct(each, Optional.empty(), kinds);
                add(Names.of(each), struct, Names.former(each), structs, former, type);
            } else if (each.isInterface()) {
                addRecords(each, kinds, structs, former);
            } else {
                throw unsupported(each);
            }
        }
    }

    private static <T> void add(
            String name,
            T value,
            List<String> formerNames,
            Map<String, T> values,
            Map<String, String> former,
            Class<?> type) {
        boolean taken = former.containsKey(name) || values.putIfAbsent(name, value) != null;
        for (String old : formerNames) {
            taken |= values.containsKey(old) || former.putIfAbsent(old, name) != null;
        }
        if (taken) {
            throw new IllegalStateException(
                    "names of %s must differ, got %s twice".formatted(type.getName(), name));
        }
    }

    private static Optional<Factory> factoryOf(Class<?> type, Kinds kinds) {
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
        if (fits && of(method.getGenericParameterTypes()[0], kinds) instanceof Atom atom) {
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

    private static IllegalStateException unsupported(Type type) {
        return new IllegalStateException("a configuration cannot hold " + type.getTypeName());
    }
}
