package cleave.decomposition;

import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;

/// One thing for each parameter of a site: its tensor, a gradient's, or a shape.
///
/// @param V null for a tied site, which uses the other's U and V
/// @param U null where V is
/// @param gate of the site's gates, by name
public record SiteParameters<T>(@Nullable T V, @Nullable T U, SortedMap<String, T> gate) {

    /// What V of a site is called on disk.
    public static String nameOfV(String site) {
        return site + ".V";
    }

    /// What U of a site is called on disk.
    public static String nameOfU(String site) {
        return site + ".U";
    }

    /// What a parameter of a site's gates is called on disk.
    static String nameOfGate(String site, String parameter) {
        return site + ".gate." + parameter;
    }

    /// Another thing for each parameter, from its name on disk and what there is.
    <R> SiteParameters<R> map(String site, BiFunction<String, T, R> change) {
        SortedMap<String, R> gates = new TreeMap<>();
        gate.forEach((name, each) -> gates.put(name, change.apply(nameOfGate(site, name), each)));
        return new SiteParameters<>(
                V == null ? null : change.apply(nameOfV(site), V),
                U == null ? null : change.apply(nameOfU(site), U),
                gates);
    }

    /// Visits V and U, unless the site is tied.
    void forEachFactor(String site, BiConsumer<String, T> action) {
        if (V != null && U != null) {
            action.accept(nameOfV(site), V);
            action.accept(nameOfU(site), U);
        }
    }

    /// Visits the parameters of the gates.
    void forEachOfGate(String site, BiConsumer<String, T> action) {
        gate.forEach((name, each) -> action.accept(nameOfGate(site, name), each));
    }

    /// Visits every parameter.
    void forEach(String site, BiConsumer<String, T> action) {
        forEachFactor(site, action);
        forEachOfGate(site, action);
    }
}
