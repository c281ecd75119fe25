package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Target;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Masks that switch named subcomponents off or leave only them on, whatever the importances.
public final class Ablations {
    private Ablations() {}

    /// 1 for these subcomponents at every position, 0 for all others: `[1, 1, C]` of each site.
    public static Masking.Given only(Decomposition decomposition, Collection<SubcomponentId> on) {
        return new Masking.Given(masks(decomposition, on, 0, 1), _ -> false);
    }

    /// 0 for these subcomponents at every position, 1 for all others: `[1, 1, C]` of each site.
    public static Masking.Given without(
            Decomposition decomposition, Collection<SubcomponentId> off) {
        return new Masking.Given(masks(decomposition, off, 1, 0), _ -> true);
    }

    /// At these sites 1 for these subcomponents at every position and 0 for all others and the
    /// remainder, everything 1 at the other sites: `[1, 1, C]` of each.
    public static Masking.Given withoutOthers(
            Decomposition decomposition, Collection<String> sites, Collection<SubcomponentId> on) {
        List<@Nullable Tensor> only = masks(decomposition, on, 0, 1);
        List<@Nullable Tensor> whole = masks(decomposition, List.of(), 1, 0);
        List<DecomposedSite> all = decomposition.sites();
        IntPredicate elsewhere = site -> !sites.contains(all.get(site).name());
        return new Masking.Given(
                IntStream.range(0, all.size())
                        .<@Nullable Tensor>mapToObj(
                                site -> (elsewhere.test(site) ? whole : only).get(site))
                        .toList(),
                elsewhere);
    }

    private static List<@Nullable Tensor> masks(
            Decomposition decomposition,
            Collection<SubcomponentId> named,
            double others,
            double value) {
        return decomposition.sites().stream()
                .<@Nullable Tensor>map(site -> {
                    double[] mask = new double[site.count()];
                    Arrays.fill(mask, others);
                    indices(named, site).forEach(c -> mask[c] = value);
                    return Tensors.of(mask, type(decomposition), 1, 1, site.count());
                })
                .toList();
    }

    /// 0 for these subcomponents at these positions, 1 everywhere else: `[1, T, C]` of each site.
    public static Masking.Given without(
            Decomposition decomposition,
            Collection<SubcomponentId> off,
            Collection<Integer> positions,
            int length) {
        List<@Nullable Tensor> masks =
                decomposition.sites().stream()
                        .<@Nullable Tensor>map(site -> {
                            double[] mask = new double[length * site.count()];
                            Arrays.fill(mask, 1);
                            for (int c : indices(off, site)) {
                                positions.forEach(t -> mask[t * site.count() + c] = 0);
                            }
                            return Tensors.of(mask, type(decomposition), 1, length, site.count());
                        })
                        .toList();
        return new Masking.Given(masks, _ -> true);
    }

    /// One pass under given masks, which need no importances.
    public static Target.Forward pass(
            Masking.Given masks,
            Decomposition decomposition,
            Batch batch,
            Clean clean,
            WeightDelta weightDelta) {
        return forward(decomposition, batch, clean, weightDelta).pass(masks);
    }

    /// Passes of a batch under given masks.
    public static MaskedForward forward(
            Decomposition decomposition, Batch batch, Clean clean, WeightDelta weightDelta) {
        return new MaskedForward(decomposition, batch, clean, List.of(), weightDelta);
    }

    private static List<Integer> indices(Collection<SubcomponentId> named, DecomposedSite site) {
        return named.stream()
                .filter(id -> id.site().equals(site.name()))
                .map(SubcomponentId::index)
                .toList();
    }

    private static Type type(Decomposition decomposition) {
        return decomposition.target().type();
    }
}
