package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.engine.Products;
import cleave.mask.Masking;
import cleave.mask.Routes;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Replacement;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Passes of one batch through a changed target. Its tensors belong to the scope it was made in.
///
/// @param decomposition of the target
/// @param batch the inputs
/// @param clean the pass without a change
/// @param lower `[B, T, C]` the lower importances in site order; empty where no change asks for
///   active positions
record Pass(Decomposition decomposition, Batch batch, Clean clean, List<Tensor> lower) {

    /// Passes without changes at active positions.
    Pass(Decomposition decomposition, Batch batch, Clean clean) {
        this(decomposition, batch, clean, List.of());
    }

    /// The outputs `[B, P, d_output]` after a change, in the caller's scope.
    Tensor outputs(Change change) {
        return switch (change) {
            case Change.Masked masked -> under(masks(masked));
            case Change.Edited edited -> {
                Map<String, Replacement> replaced = new HashMap<>();
                edited.weights()
                        .forEach((name, W) ->
                                replaced.put(
                                        name,
                                        (input, _, _) -> Products.EXACT.product(input, W.t())));
                yield decomposition.target().forward(batch, replaced, clean).outputs();
            }
        };
    }

    /// The outputs `[B, P, d_output]` with the weight delta whole and these sites under masks, by
    /// name, each broadcastable to `[B, T, C]`.
    Tensor under(Map<String, Tensor> masks) {
        List<DecomposedSite> sites = decomposition.sites();
        int[] changed =
                IntStream.range(0, sites.size())
                        .filter(site -> masks.containsKey(sites.get(site).name()))
                        .toArray();
        List<@Nullable Tensor> bySite =
                sites.stream().<@Nullable Tensor>map(site -> masks.get(site.name())).toList();
        return Ablations.forward(decomposition, batch, clean, WeightDelta.ON)
                .pass(new Masking.Given(bySite, _ -> true), Routes.only(changed))
                .outputs();
    }

    private Map<String, Tensor> masks(Change.Masked change) {
        Map<String, Tensor> masks = new HashMap<>();
        for (int i = 0; i < decomposition.sites().size(); i++) {
            DecomposedSite site = decomposition.sites().get(i);
            double[] added = new double[site.count()]; // to a mask of ones
            boolean changed = false;
            for (Map.Entry<SubcomponentId, Double> mask : change.masks().entrySet()) {
                if (mask.getKey().site().equals(site.name())) {
                    added[mask.getKey().index()] = mask.getValue() - 1;
                    changed = true;
                }
            }
            if (changed) {
                Tensor each = Tensors.of(added, decomposition.target().type(), 1, 1, site.count());
                Tensor there =
                        switch (change.at()) {
                            case EVERYWHERE -> each;
                            case ACTIVE -> active(i, change.threshold()).mul(each);
                        };
                masks.put(site.name(), there.add(1));
            }
        }
        return masks;
    }

    /// `[B, T, C]`, 1 where active.
    private Tensor active(int site, double threshold) {
        if (lower.isEmpty()) {
            throw new IllegalStateException(
                    "a change at active positions must have importances, got none");
        }
        return lower.get(site).gt(threshold).to(decomposition.target().type());
    }
}
