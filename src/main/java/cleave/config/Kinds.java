package cleave.config;

import java.lang.reflect.Method;
import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Stream;

/// Records that are added to open interfaces as further values of the key `kind`.
///
/// A record is read, written and documented under its kind like those of the interface itself: its
/// kind is its name in snake case, or what [Name] says. It belongs to every interface that it
/// implements and that is not sealed; [Open] lists the records that an interface has without any
/// addition. An object of this class never changes.
///
/// What [OwnKinds] services name is added without a call: [Binder] and [Keys] use [#installed]
/// where they are given no other.
public final class Kinds {
    private static final class Installed {
        static final Kinds KINDS =
                new Kinds(
                        ServiceLoader.load(OwnKinds.class).stream()
                                .map(ServiceLoader.Provider::get)
                                .<Class<?>>flatMap(own -> own.kinds().stream())
                                .toList());
    }

    private final List<Class<?>> added;

    private Kinds(List<Class<?>> added) {
        this.added = List.copyOf(added);
    }

    /// No additions: open interfaces have their core kinds only.
    public static Kinds core() {
        return new Kinds(List.of());
    }

    /// The additions of every [OwnKinds] on the class path.
    public static Kinds installed() {
        return Installed.KINDS;
    }

    /// These kinds and one more.
    public Kinds with(Class<? extends Record> kind) {
        return new Kinds(Stream.concat(added.stream(), Stream.of(kind)).toList());
    }

    /// These kinds and every record that is a part of `value`, at any depth, so that it can be
    /// written and read again.
    public Kinds withPartsOf(Object value) {
        return switch (value) {
            case Record record -> {
                Kinds all = with(record.getClass());
                for (RecordComponent component : record.getClass().getRecordComponents()) {
                    all = all.withPartsOf(valueOf(component, record));
                }
                yield all;
            }
            case List<?> list -> {
                Kinds all = this;
                for (Object each : list) {
                    all = all.withPartsOf(each);
                }
                yield all;
            }
            case Optional<?> optional -> optional.map(this::withPartsOf).orElse(this);
            default -> this;
        };
    }

    private static Object valueOf(RecordComponent component, Record record) {
        Method accessor = component.getAccessor();
        accessor.setAccessible(true);
        try {
            return accessor.invoke(record);
        } catch (ReflectiveOperationException failure) {
            throw new IllegalStateException(
                    "%s of %s must be readable".formatted(component.getName(), record), failure);
        }
    }

    /// The records of an interface that is not sealed: those it always has, then those that were
    /// added, each once.
    List<Class<?>> of(Class<?> family) {
        Open open = family.getAnnotation(Open.class);
        Stream<Class<?>> core = open == null ? Stream.empty() : Arrays.stream(open.core());
        return Stream.concat(core, added.stream().filter(family::isAssignableFrom))
                .distinct()
                .toList();
    }
}
