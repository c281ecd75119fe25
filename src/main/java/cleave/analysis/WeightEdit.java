package cleave.analysis;

import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.model.Site;
import cleave.model.Target;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Collections;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/// Weights in which subcomponents are scaled: `W + sum_c (s_c - 1) U_c V_c`, or write something
/// else: `W + sum_c (s_c U'_c - U_c) V_c` (spec A10).
///
/// Scaling is the same as masks `s_c` at every position with the weight delta whole. Tensors that
/// are made here belong to the caller's scope.
public final class WeightEdit {
    private WeightEdit() {}

    /// What is changed in weights.
    ///
    /// @param scales of the scaled subcomponents; 0 removes
    /// @param written `[d_out]` what others write from now on, in the place of their `U_c`
    public record Edit(
            SortedMap<SubcomponentId, Double> scales, SortedMap<SubcomponentId, Tensor> written) {

        /// Copies the maps, not the tensors.
        public Edit {
            scales = Collections.unmodifiableSortedMap(new TreeMap<>(scales));
            written = Collections.unmodifiableSortedMap(new TreeMap<>(written));
        }

        /// Every subcomponent that is changed.
        public SortedSet<SubcomponentId> changed() {
            SortedSet<SubcomponentId> changed = new TreeSet<>(scales.keySet());
            changed.addAll(written.keySet());
            return changed;
        }
    }

    /// `W [d_out, d_in]` of every site of a scaled subcomponent, by name.
    ///
    /// @param scales of the changed subcomponents; 0 removes
    /// @throws UserError when the decomposition does not have a subcomponent, or a weight would not
    ///   be finite
    public static SortedMap<String, Tensor> sites(
            Decomposition decomposition, SortedMap<SubcomponentId, Double> scales) {
        return sites(decomposition, new Edit(scales, Collections.emptySortedMap()));
    }

    /// `W [d_out, d_in]` of every site of a changed subcomponent, by name.
    ///
    /// @throws UserError when the decomposition does not have a subcomponent, or a weight would not
    ///   be finite
    public static SortedMap<String, Tensor> sites(Decomposition decomposition, Edit edit) {
        SortedMap<String, Tensor> weights = new TreeMap<>();
        added(decomposition, edit)
                .forEach((name, added) -> {
                    Subcomponents parts = decomposition.subcomponents(decomposition.site(name));
                    Tensor edited = parts.W().add(parts.V().matmul(added).t());
                    if (!Double.isFinite(Tensors.number(edited.abs().max()))) {
                        throw new UserError(
                                "edited weights must be finite, got NaN or infinity in %s with scales %s"
                                        .formatted(name, edit.scales()));
                    }
                    weights.put(name, edited);
                });
        return weights;
    }

    /// `[C, d_out]` by changed site what its subcomponents write more than before, of which most
    /// are zero: the weight becomes `W + (V added)^T`.
    ///
    /// @throws UserError when the decomposition does not have a subcomponent
    static SortedMap<String, Tensor> added(Decomposition decomposition, Edit edit) {
        edit.changed().forEach(id -> id.requireIn(decomposition));
        SortedMap<String, Tensor> added = new TreeMap<>();
        for (SubcomponentId id : edit.changed()) {
            Tensor U = decomposition.subcomponents(decomposition.site(id.site())).U();
            Tensor row = U.narrow(0, id.index(), 1);
            Tensor written = edit.written().get(id);
            double scale = edit.scales().getOrDefault(id, 1.0);
            added.computeIfAbsent(id.site(), _ -> Tensors.zerosLike(U))
                    .narrow(0, id.index(), 1)
                    .copy_(
                            written == null
                                    ? row.mul(scale - 1)
                                    : written.unsqueeze(0).mul(scale).sub(row));
        }
        return added;
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
