package cleave.config;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.stream.Stream;

/// Records that are added to open interfaces as further values of the key `kind`.
///
/// A record is read, written and documented under its kind like those of the interface itself: its
/// kind is its name in snake case, or what [Name] says. An interface is open when it is not sealed;
/// [CoreKinds] lists the records that it has without any addition. An object of this class never
/// changes.
///
/// What is on the class path is added without a call: [#installed] asks every [Provider] that a
/// file `META-INF/services/cleave.config.Kinds$Provider` names. [Binder] and [Keys] use it where
/// they are given no other.
public final class Kinds {
    /// Adds the kinds of one library or program.
    public interface Provider {
        /// The same kinds and those of this provider.
        Kinds addTo(Kinds kinds);
    }

    private static final class Installed {
        static final Kinds KINDS =
                ServiceLoader.load(Provider.class).stream()
                        .map(ServiceLoader.Provider::get)
                        .reduce(
                                new Kinds(Map.of()),
                                (kinds, provider) -> provider.addTo(kinds),
                                (kinds, _) -> kinds);
    }

    private final Map<Class<?>, List<Class<?>>> added;

    private Kinds(Map<Class<?>, List<Class<?>>> added) {
        this.added = added;
    }

    /// No additions: open interfaces have their core kinds only.
    public static Kinds core() {
        return new Kinds(Map.of());
    }

    /// The additions of every provider on the class path.
    public static Kinds installed() {
        return Installed.KINDS;
    }

    /// These kinds and one more.
    ///
    /// @param family the interface
    /// @param kind the record that implements it
    /// @throws IllegalArgumentException for a family that is no open interface, a kind that is no
    ///   record, or a name that another kind of the family has or had
    public <T> Kinds with(Class<T> family, Class<? extends T> kind) {
        if (!family.isInterface() || family.isSealed()) {
            throw new IllegalArgumentException(
                    "a family of kinds must be an interface that is not sealed, got "
                            + family.getName());
        }
        if (!kind.isRecord()) {
            throw new IllegalArgumentException("a kind must be a record, got " + kind.getName());
        }
        Set<String> names = new HashSet<>(Names.all(kind));
        for (Class<?> other : of(family)) {
            if (Names.all(other).stream().anyMatch(names::contains)) {
                throw new IllegalArgumentException(
                        "kinds of %s must have names that differ, got %s for %s and %s"
                                .formatted(
                                        family.getSimpleName(),
                                        Names.all(kind),
                                        other.getName(),
                                        kind.getName()));
            }
        }
        Map<Class<?>, List<Class<?>>> more = new LinkedHashMap<>(added);
        List<Class<?>> records = new ArrayList<>(more.getOrDefault(family, List.of()));
        records.add(kind);
        more.put(family, List.copyOf(records));
        return new Kinds(more);
    }

    /// The records of an open interface: those it always has, then those that were added.
    List<Class<?>> of(Class<?> family) {
        CoreKinds core = family.getAnnotation(CoreKinds.class);
        Stream<Class<?>> always = core == null ? Stream.empty() : Arrays.stream(core.value());
        return Stream.concat(always, added.getOrDefault(family, List.of()).stream()).toList();
    }
}
