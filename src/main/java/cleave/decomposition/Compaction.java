package cleave.decomposition;

import cleave.config.AtLeast;
import cleave.config.Default;
import cleave.decomposition.AllParameters.Form;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.ImportanceFunction;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.IntStream;

/// Merging dead subcomponents into the remainders of their sites, and writing what is left in the
/// original numbering (spec C1 to C4).
public final class Compaction {
    private Compaction() {}

    /// When subcomponents are merged.
    ///
    /// @param idleSteps steps without an importance above 0 after which one is dead
    /// @param every steps between two mergings
    /// @param spare how many of the dead are left at each site, those used last; absent, none
    public record Settings(
            @AtLeast(1) long idleSteps,
            @AtLeast(1) @Default("50") long every,
            @AtLeast(0) Optional<Integer> spare) {}

    /// The sites without their dead subcomponents, but for the spare ones (spec C1): tied sites
    /// lose the same ones, and where all are dead the one used last is left.
    ///
    /// @param stepsSinceUse of each subcomponent of the site of a name
    public static List<DecomposedSite> living(
            List<DecomposedSite> sites, Function<String, long[]> stepsSinceUse, Settings settings) {
        Map<String, long[]> idle = new HashMap<>(); // by the site that holds U and V
        for (DecomposedSite site : sites) {
            idle.merge(holder(site), stepsSinceUse.apply(site.name()), Compaction::smaller);
        }
        return sites.stream()
                .map(site ->
                        site.keep(living(Objects.requireNonNull(idle.get(holder(site))), settings)))
                .toList();
    }

    private static String holder(DecomposedSite site) {
        return site.site().tiedTo().orElse(site.name());
    }

    private static long[] smaller(long[] one, long[] other) {
        return IntStream.range(0, one.length).mapToLong(c -> Math.min(one[c], other[c])).toArray();
    }

    private static int[] living(long[] idle, Settings settings) {
        List<Integer> usedLast =
                IntStream.range(0, idle.length)
                        .boxed()
                        .sorted(Comparator.comparingLong(c -> idle[c]))
                        .toList();
        long living =
                Arrays.stream(idle).filter(steps -> steps < settings.idleSteps()).count()
                        + settings.spare().orElse(0);
        return usedLast.stream()
                .limit(Math.max(1, living))
                .mapToInt(Integer::intValue)
                .sorted()
                .toArray();
    }

    /// The decomposition with the subcomponents of `left` only; the others are added to the
    /// remainders (spec C2). Its tensors are new, or those of `before` where nothing changes.
    ///
    /// @param left the sites of `before` in the same order, with some of their subcomponents
    public static Decomposition merge(Decomposition before, List<DecomposedSite> left) {
        SortedMap<String, Tensor> remainders = new TreeMap<>(before.remainders());
        for (int at = 0; at < left.size(); at++) {
            DecomposedSite site = before.sites().get(at);
            if (site.site().tiedTo().isEmpty() && left.get(at).count() < site.count()) {
                Set<Integer> living = Set.copyOf(left.get(at).living());
                int[] merged =
                        IntStream.range(0, site.count())
                                .filter(place -> !living.contains(site.living().get(place)))
                                .toArray();
                remainders.put(site.name(), remainder(before.subcomponents(site), merged));
            }
        }
        return new Decomposition(
                before.target(),
                left,
                before.function(),
                before.leak(),
                narrow(before.tensors(), before.sites(), left, before.function()),
                remainders,
                before.engine());
    }

    /// The remainder `[d_out, d_in]` with these subcomponents in it.
    private static Tensor remainder(Subcomponents all, int... merged) {
        return Scopes.keep(() -> {
            // In float64: rounded once, however many there are.
            Tensor V = all.V().index_select(1, index(merged)).to(Type.DOUBLE);
            Tensor U = all.U().index_select(0, index(merged)).to(Type.DOUBLE);
            Tensor sum = V.matmul(U).t(); // [d_out, d_in]
            Tensor remainder = all.remainder();
            return (remainder == null ? sum : sum.add(remainder))
                    .to(Tensors.type(all.W()))
                    .contiguous();
        });
    }

    /// Tensors named and shaped as the parameters of sites `from`, for the subcomponents of `to`
    /// only.
    public static SortedMap<String, Tensor> narrow(
            Map<String, Tensor> tensors,
            List<DecomposedSite> from,
            List<DecomposedSite> to,
            ImportanceFunction function) {
        SortedMap<String, Tensor> narrowed = new TreeMap<>(tensors);
        AllParameters<Form> forms = AllParameters.of(from, function);
        for (int at = 0; at < from.size(); at++) {
            DecomposedSite site = from.get(at);
            int[] places = to.get(at).placesIn(site);
            onEachAxis(
                    site,
                    forms,
                    (name, axis, _) ->
                            narrowed.put(
                                    name,
                                    take(
                                            Tensors.named(name, tensors),
                                            axis,
                                            site.count(),
                                            places)));
        }
        return narrowed;
    }

    /// The parameters in the original numbering: a merged subcomponent has zeros, and a gate that
    /// is never open (spec C4).
    public static SortedMap<String, Tensor> expand(
            Map<String, Tensor> tensors, List<DecomposedSite> sites, ImportanceFunction function) {
        SortedMap<String, Tensor> expanded = new TreeMap<>(tensors);
        AllParameters<Form> forms = AllParameters.of(sites, function);
        for (DecomposedSite site : sites) {
            onEachAxis(
                    site,
                    forms,
                    (name, axis, merged) ->
                            expanded.put(
                                    name,
                                    spread(Tensors.named(name, tensors), axis, site, merged)));
        }
        return expanded;
    }

    @FunctionalInterface
    private interface OnAxis {
        /// @param axis along which the subcomponents lie
        /// @param merged each number of a merged subcomponent
        void accept(String name, int axis, double merged);
    }

    /// Visits every parameter of a site that has a part for each subcomponent.
    private static void onEachAxis(DecomposedSite site, AllParameters<Form> forms, OnAxis action) {
        forms.site(site.name())
                .forEach(
                        site.name(),
                        (name, form) ->
                                form.axis()
                                        .ifPresent(
                                                axis -> action.accept(name, axis, form.merged())));
    }

    private static Tensor take(Tensor tensor, int axis, int count, int... places) {
        if (places.length == count) {
            return tensor;
        }
        return Scopes.keep(() ->
                split(tensor, axis, count)
                        .index_select(axis, index(places))
                        .reshape(resized(tensor, axis, count, places.length)));
    }

    private static Tensor spread(Tensor tensor, int axis, DecomposedSite site, double merged) {
        if (site.isWhole()) {
            return tensor;
        }
        return Scopes.keep(() -> {
            Tensor parts = split(tensor, axis, site.count());
            Tensor all =
                    parts.new_full(resized(parts, axis, site.count(), site.original()), merged);
            return all.index_copy_(axis, index(numbers(site.living())), parts)
                    .view(resized(tensor, axis, site.count(), site.original()));
        });
    }

    /// The axis of `count` subcomponents as two: subcomponents, and the numbers of each.
    private static Tensor split(Tensor tensor, int axis, int count) {
        long[] shape = tensor.shape();
        long[] split = new long[shape.length + 1];
        System.arraycopy(shape, 0, split, 0, axis);
        split[axis] = count;
        split[axis + 1] = shape[axis] / count;
        System.arraycopy(shape, axis + 1, split, axis + 2, shape.length - axis - 1);
        return tensor.contiguous().view(split);
    }

    /// The shape of a tensor with `to` subcomponents in place of `from`.
    private static long[] resized(Tensor tensor, int axis, int from, int to) {
        long[] shape = tensor.shape();
        shape[axis] = shape[axis] / from * to;
        return shape;
    }

    private static int[] numbers(List<Integer> list) {
        return list.stream().mapToInt(Integer::intValue).toArray();
    }

    private static Tensor index(int... places) {
        return Tensors.of(Arrays.stream(places).asLongStream().toArray(), places.length);
    }
}
