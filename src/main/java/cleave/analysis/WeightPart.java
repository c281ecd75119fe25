package cleave.analysis;

import cleave.model.Target;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// A part of low rank of a site's weight `W [d_out, d_in]`: what it reads and what it writes for
/// that. The weight without it is `W - (V U)^T`.
///
/// @param site name of the site
/// @param name as in reports, such as `layers.3.mlp.down_proj direction 2`
/// @param V `[d_in, r]` what it reads
/// @param U `[r, d_out]` what it writes
public record WeightPart(String site, String name, Tensor V, Tensor U) {

    /// A singular direction of a weight: `s_i u_i v_i^T`.
    ///
    /// @param svd of the site's weight
    /// @param index 0 for the largest
    public static WeightPart singular(String site, Tensors.Svd svd, int index) {
        Tensor reads = svd.V().narrow(0, index, 1); // [1, d_in]
        Tensor writes = svd.U().narrow(1, index, 1).mul(svd.S().narrow(0, index, 1)); // [d_out, 1]
        return new WeightPart(
                site, "%s direction %d".formatted(site, index), reads.t(), writes.t());
    }

    /// All that a weight writes for some neighbouring entries of its input: a neuron where it is
    /// one entry of an MLP's output matrix, an attention head where they are the head's of the
    /// attention's.
    ///
    /// @param W the site's weight
    /// @param first of the entries
    /// @param count of the entries
    /// @param what they are, as in `neuron 17`
    public static WeightPart inputs(String site, Tensor W, int first, int count, String what) {
        Tensor reads = Tensors.zeros(W.device(), W.type(), W.size(1), count);
        reads.narrow(0, first, count).copy_(Tensors.eye(W.type(), count));
        return new WeightPart(
                site, site + " " + what, reads, W.narrow(1, first, count).t().contiguous());
    }

    /// The target without these parts. The new weights belong to the caller's scope.
    public static Change.Edited without(Target target, Collection<WeightPart> parts) {
        SortedMap<String, List<WeightPart>> bySite = new TreeMap<>();
        parts.forEach(
                each -> bySite.computeIfAbsent(each.site(), _ -> new ArrayList<>()).add(each));
        SortedMap<String, Tensor> weights = new TreeMap<>();
        bySite.forEach((site, some) -> {
            Tensor W = target.weight(target.site(site)).to(target.type());
            for (WeightPart each : some) {
                W = W.sub(each.V().matmul(each.U()).t());
            }
            weights.put(site, W);
        });
        return new Change.Edited(weights);
    }
}
