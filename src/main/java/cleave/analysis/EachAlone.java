package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Sentence;
import cleave.model.Task;
import cleave.model.TextTask;
import cleave.model.TextTask.LossesAt;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// The answer to one question with each of many subcomponents suppressed by itself, everywhere.
public final class EachAlone {
    /// Copies of the question that go through the target together, a subcomponent off in each.
    private static final int ROWS = 16;

    private EachAlone() {}

    /// The answer's log-probability, in nats, with each of these off by itself.
    ///
    /// @param sentence of a prompt and its answer
    /// @param off the subcomponents; one that stands twice counts once
    public static SortedMap<SubcomponentId, Double> of(
            Decomposition decomposition, Sentence sentence, List<SubcomponentId> off) {
        List<SubcomponentId> ordered =
                off.stream()
                        .distinct()
                        // Passes begin at the first block that is changed.
                        .sorted(
                                Comparator.comparingInt((SubcomponentId id) ->
                                                decomposition.site(id.site()).site().block())
                                        .thenComparing(Comparator.naturalOrder()))
                        .toList();
        SortedMap<SubcomponentId, Double> found = new TreeMap<>();
        Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    int length = TextTask.used(sentence, LossesAt.ANSWER);
                    Task.Examples examples =
                            new TextTask(
                                            "each alone",
                                            Collections.nCopies(ROWS, sentence),
                                            length,
                                            LossesAt.ANSWER,
                                            0)
                                    .inOrder(0, ROWS);
                    Batch batch = examples.batch();
                    Clean clean = decomposition.target().clean(batch);
                    Pass pass = new Pass(decomposition, batch, clean);
                    Tensor labels = examples.labels().unsqueeze(2); // [ROWS, P, 1]
                    for (int first = 0; first < ordered.size(); first += ROWS) {
                        List<SubcomponentId> some =
                                ordered.subList(first, Math.min(first + ROWS, ordered.size()));
                        double[] logarithms =
                                Scopes.run(() ->
                                        Tensors.toDoubles(
                                                Tensors.logSoftmax(
                                                                pass.under(
                                                                        masks(decomposition, some)))
                                                        .gather(2, labels)
                                                        .sum(1)));
                        for (int row = 0; row < some.size(); row++) {
                            found.put(some.get(row), logarithms[row]);
                        }
                    }
                    return true;
                }));
        return Collections.unmodifiableSortedMap(found);
    }

    /// Masks by site `[ROWS, 1, C]`: in each row one subcomponent is suppressed, none in those left
    /// over.
    private static Map<String, Tensor> masks(
            Decomposition decomposition, List<SubcomponentId> some) {
        Map<String, double[]> numbers = new HashMap<>();
        for (int row = 0; row < some.size(); row++) {
            SubcomponentId id = some.get(row);
            int count = decomposition.site(id.site()).count();
            numbers.computeIfAbsent(
                                    id.site(),
                                    _ -> {
                                        double[] ones = new double[ROWS * count];
                                        Arrays.fill(ones, 1);
                                        return ones;
                                    })[row * count + id.index()] =
                    0;
        }
        Map<String, Tensor> masks = new HashMap<>();
        numbers.forEach((site, values) ->
                masks.put(
                        site,
                        Tensors.of(
                                values,
                                decomposition.target().type(),
                                ROWS,
                                1,
                                decomposition.site(site).count())));
        return masks;
    }
}
