package cleave.training;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Twins;
import cleave.decomposition.Twins.Handover;
import cleave.engine.Products;
import cleave.importance.CausalImportance;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Looks for twins on the examples of a step and lets one of each pair take over (spec W1 to W5).
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
        List<Seen> seen =
                decomposition.sites().stream()
                        .map(site -> Seen.nothing(site.count(), decomposition.target().type()))
                        .toList();
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
                            add(decomposition, slice, seen);
                            return true;
                        }));
            }
        }
        SortedMap<String, List<Handover>> done = new TreeMap<>();
        for (int at = 0; at < seen.size(); at++) {
            DecomposedSite site = decomposition.sites().get(at);
            Tensor V = decomposition.subcomponents(site).V();
            Tensor U = decomposition.subcomponents(site).U();
            Tensor highest = seen.get(at).highest;
            List<Handover> handovers = seen.get(at).sums.handovers(U, settings);
            handovers.forEach(each -> {
                Twins.handOverInPlace(each, V, U);
                settings.shut()
                        .filter(_ -> each.left() <= settings.share())
                        .ifPresent(shut ->
                                shutInPlace(
                                        decomposition.gateBias(site), highest, each.freed(), shut));
            });
            if (!handovers.isEmpty()) {
                done.put(site.name(), handovers);
            }
        }
        return done;
    }

    /// Lowers a gate until its largest pre-activation on the examples is `-shut`.
    private static void shutInPlace(Tensor bias, Tensor highest, int freed, double shut) {
        Scopes.run(() -> {
            double by = Tensors.number(highest.select(0, freed)) + shut;
            if (by > 0) {
                bias.select(0, freed).sub_(by);
            }
        });
    }

    /// What was seen of a site.
    ///
    /// @param highest `[C]` the largest pre-activation of each gate
    private record Seen(Twins sums, Tensor highest) {
        static Seen nothing(int C, Type type) {
            return new Seen(new Twins(C), Tensors.zeros(type, C).fill_(Double.NEGATIVE_INFINITY));
        }
    }

    private static void add(Decomposition decomposition, Batch batch, List<Seen> seen) {
        Clean clean = decomposition.target().clean(batch);
        Tensor valid = batch.valid();
        List<CausalImportance> importances = decomposition.importances(clean, valid);
        for (int at = 0; at < seen.size(); at++) {
            DecomposedSite site = decomposition.sites().get(at);
            Tensor lower = importances.get(at).lower();
            Tensor counted = valid == null ? lower : lower.mul(valid.unsqueeze(2));
            Tensor inner =
                    Products.EXACT.product(
                            Tensors.named(site.name(), clean.inputs()),
                            decomposition.subcomponents(site).V());
            seen.get(at).sums.add(counted, inner);
            Tensor highest = valid(importances.get(at).preactivation(), valid).amax(0, 1);
            seen.get(at).highest.copy_(Tensors.maximum(seen.get(at).highest, highest));
        }
    }

    private static Tensor valid(Tensor preactivation, @Nullable Tensor valid) {
        return valid == null
                ? preactivation
                : preactivation.masked_fill(valid.unsqueeze(2).eq(0), Double.NEGATIVE_INFINITY);
    }
}
