package cleave.training;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Twins;
import cleave.decomposition.Twins.Handover;
import cleave.importance.CausalImportance;
import cleave.target.Batch;
import cleave.target.Clean;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;

/// Looks for twins on the examples of a step and lets one of each pair take over (spec W1 to W4).
final class TwinSearch {
    private TwinSearch() {}

    /// Changes U and V of the decomposition in place.
    ///
    /// @return by site, places among its living subcomponents; sites without any are absent
    static SortedMap<String, List<Handover>> handOverInPlace(
            Decomposition decomposition,
            List<Stream> streams,
            Twins.Settings settings,
            long seed,
            long step,
            int sliceRows) {
        List<Twins> sums =
                decomposition.sites().stream().map(site -> new Twins(site.count())).toList();
        for (Stream stream : streams) {
            Batch batch =
                    stream.task()
                            .examples(
                                    seed, Draws.Purpose.DATA, step * stream.batch(), stream.batch())
                            .batch();
            for (int from = 0; from < stream.batch(); from += sliceRows) {
                Batch slice = batch.rows(from, Math.min(sliceRows, stream.batch() - from));
                Scopes.run(() ->
                        Scopes.withoutGradient(() -> {
                            add(decomposition, slice, sums);
                            return true;
                        }));
            }
        }
        SortedMap<String, List<Handover>> done = new TreeMap<>();
        for (int at = 0; at < sums.size(); at++) {
            DecomposedSite site = decomposition.sites().get(at);
            Tensor V = decomposition.subcomponents(site).V();
            Tensor U = decomposition.subcomponents(site).U();
            List<Handover> handovers = sums.get(at).handovers(U, settings);
            handovers.forEach(each -> Twins.handOverInPlace(each, V, U));
            if (!handovers.isEmpty()) {
                done.put(site.name(), handovers);
            }
        }
        return done;
    }

    private static void add(Decomposition decomposition, Batch batch, List<Twins> sums) {
        Clean clean = decomposition.target().clean(batch);
        Tensor valid = batch.valid();
        List<CausalImportance> importances = decomposition.importances(clean, valid);
        for (int at = 0; at < sums.size(); at++) {
            DecomposedSite site = decomposition.sites().get(at);
            Tensor lower = importances.get(at).lower();
            Tensor counted = valid == null ? lower : lower.mul(valid.unsqueeze(2));
            Tensor inner =
                    Tensors.named(site.name(), clean.inputs())
                            .matmul(decomposition.subcomponents(site).V());
            sums.get(at).add(counted, inner);
        }
    }
}
