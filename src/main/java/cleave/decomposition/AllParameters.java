package cleave.decomposition;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.ImportanceFunction;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiFunction;

/// One thing for each parameter of a decomposition: its tensor, a gradient's, or a shape.
///
/// @param sites by the site's name, in site order
/// @param shared of what all gates share, by name
public record AllParameters<T>(
        SequencedMap<String, SiteParameters<T>> sites, SortedMap<String, T> shared) {

    /// How a parameter is shaped.
    ///
    /// @param axis along which subcomponent stands after subcomponent, each with equally many
    ///   numbers; empty where all share the parameter
    /// @param merged what a merged subcomponent has in each of its numbers (spec C4)
    public record Form(List<Long> shape, OptionalInt axis, double merged) {}

    /// How the parameters of these sites are shaped.
    public static AllParameters<Form> of(List<DecomposedSite> sites, ImportanceFunction function) {
        SequencedMap<String, SiteParameters<Form>> all = new LinkedHashMap<>();
        sites.forEach(site -> all.put(site.name(), of(site, function)));
        SortedMap<String, Form> shared = new TreeMap<>();
        function.shared(sites.stream().map(DecomposedSite::site).toList())
                .forEach((name, parameter) ->
                        shared.put(name, new Form(parameter.shape(), OptionalInt.empty(), 0)));
        return new AllParameters<>(all, shared);
    }

    private static SiteParameters<Form> of(DecomposedSite site, ImportanceFunction function) {
        SortedMap<String, Form> gate = new TreeMap<>();
        function.parameters(site.site(), site.count())
                .forEach((name, parameter) ->
                        gate.put(
                                name,
                                new Form(
                                        parameter.shape(),
                                        parameter.axis(),
                                        function.merged(name))));
        if (site.site().tiedTo().isPresent()) {
            return new SiteParameters<>(null, null, gate);
        }
        long C = site.count();
        return new SiteParameters<>(
                new Form(List.of(site.site().dIn(), C), OptionalInt.of(1), 0),
                new Form(List.of(C, site.site().dOut()), OptionalInt.of(0), 0),
                gate);
    }

    /// What a parameter that all gates share is called on disk.
    static String nameOfShared(String parameter) {
        return "gate." + parameter;
    }

    /// What belongs to one of the sites.
    SiteParameters<T> site(String name) {
        return Objects.requireNonNull(sites.get(name), name);
    }

    /// Another thing for each parameter, from its name on disk and what there is.
    public <R> AllParameters<R> map(BiFunction<String, T, R> change) {
        SequencedMap<String, SiteParameters<R>> changed = new LinkedHashMap<>();
        sites.forEach((name, site) -> changed.put(name, site.map(name, change)));
        SortedMap<String, R> all = new TreeMap<>();
        shared.forEach((name, each) -> all.put(name, change.apply(nameOfShared(name), each)));
        return new AllParameters<>(changed, all);
    }

    /// U and V of every site, by name on disk.
    public SortedMap<String, T> subcomponents() {
        SortedMap<String, T> named = new TreeMap<>();
        sites.forEach((name, site) -> site.forEachFactor(name, (at, each) -> named.put(at, each)));
        return named;
    }

    /// The parameters of gates, by name on disk.
    public SortedMap<String, T> gates() {
        SortedMap<String, T> named = new TreeMap<>();
        sites.forEach((name, site) -> site.forEachOfGate(name, (at, each) -> named.put(at, each)));
        shared.forEach((name, each) -> named.put(nameOfShared(name), each));
        return named;
    }

    /// Every parameter, by name on disk.
    public SortedMap<String, T> named() {
        SortedMap<String, T> named = subcomponents();
        named.putAll(gates());
        return named;
    }
}
