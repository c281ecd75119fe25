package cleave.analysis;

import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.model.Site;
import cleave.model.Target;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// Weights in which subcomponents are scaled: `W + sum_c (s_c - 1) U_c V_c` (spec A10).
///
/// The same as masks `s_c` at every position with the weight delta whole. Tensors that are made
/// here belong to the caller's scope.
public final class WeightEdit {
    private WeightEdit() {}

    /// `W [d_out, d_in]` of every site of a scaled subcomponent, by name.
    ///
    /// @param scales of the changed subcomponents; 0 removes
    /// @throws UserError when the decomposition does not have a subcomponent, or a weight would not
    ///   be finite
    public static SortedMap<String, Tensor> sites(
            Decomposition decomposition, SortedMap<SubcomponentId, Double> scales) {
        scales.keySet().forEach(id -> id.requireIn(decomposition));
        SortedMap<String, Tensor> weights = new TreeMap<>();
        for (DecomposedSite site : decomposition.sites()) {
            double[] added = new double[site.count()];
            boolean changed = false;
            for (Map.Entry<SubcomponentId, Double> scale : scales.entrySet()) {
                if (scale.getKey().site().equals(site.name())) {
                    added[scale.getKey().index()] = scale.getValue() - 1;
                    changed = true;
                }
            }
            if (changed) {
                Subcomponents parts = decomposition.subcomponents(site);
                Tensor factor = Tensors.of(added, decomposition.target().type(), 1, added.length);
                Tensor edited = parts.W().add(parts.V().mul(factor).matmul(parts.U()).t());
                if (!Double.isFinite(Tensors.number(edited.abs().max()))) {
                    throw new UserError(
                            "edited weights must be finite, got NaN or infinity in %s with scales %s"
                                    .formatted(site.name(), scales));
                }
                weights.put(site.name(), edited);
            }
        }
        return weights;
    }

    /// All of a target's weights by name as they are stored, copies where they change or are kept
    /// in fewer bits.
    ///
    /// @param sites `W [d_out, d_in]` of the changed sites, by name
    /// @throws UserError when the target has no such site
    public static SortedMap<String, Tensor> stored(Target target, SortedMap<String, Tensor> sites) {
        SortedMap<String, Tensor> weights = new TreeMap<>();
        target.weights()
                .forEach((name, weight) ->
                        weights.put(
                                name,
                                Tensors.type(weight) == target.type()
                                        ? weight
                                        : weight.to(target.type())));
        sites.forEach((name, W) -> {
            Site site = target.site(name);
            Site.Stored place = site.stored();
            Tensor before = Tensors.named(place.tensor(), weights);
            // Several sites may be parts of one stored weight: each goes into its own copy.
            Tensor copy = before.add(0);
            copy.narrow(place.inputFirst() ? 1 : 0, place.firstOutput(), site.dOut())
                    .copy_(place.inputFirst() ? W.t() : W);
            weights.put(place.tensor(), copy);
        });
        return weights;
    }
}
