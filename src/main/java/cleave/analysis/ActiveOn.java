package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.model.Batch;
import cleave.model.Sentence;
import cleave.model.TextTask;
import cleave.model.TextTask.LossesAt;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/// Which subcomponents are active on a text, and where.
public final class ActiveOn {
    private ActiveOn() {}

    /// The positions at which each subcomponent's importance is above a threshold; those that are
    /// active nowhere are left out.
    ///
    /// @param sentence the text, of which the positions up to the answer are looked at
    /// @param losses how far: LAST for a prompt, ALL for a text
    public static SortedMap<SubcomponentId, List<Integer>> text(
            Decomposition decomposition, Sentence sentence, LossesAt losses, double threshold) {
        SortedMap<SubcomponentId, List<Integer>> active = new TreeMap<>();
        Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    int length = TextTask.used(sentence, losses);
                    Batch batch =
                            new TextTask("active", List.of(sentence), length, losses, 0)
                                    .inOrder(0, 1)
                                    .batch();
                    List<Tensor> lower =
                            Importances.of(
                                    decomposition, decomposition.target().clean(batch), batch);
                    for (int i = 0; i < decomposition.sites().size(); i++) {
                        DecomposedSite site = decomposition.sites().get(i);
                        double[] g = Tensors.toDoubles(lower.get(i)); // [T, C]
                        for (int at = 0; at < g.length; at++) {
                            if (g[at] > threshold) {
                                active.computeIfAbsent(
                                                new SubcomponentId(site.name(), at % site.count()),
                                                _ -> new ArrayList<>())
                                        .add(at / site.count());
                            }
                        }
                    }
                    return true;
                }));
        return Collections.unmodifiableSortedMap(active);
    }
}
