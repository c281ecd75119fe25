package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.model.Replacement;
import cleave.model.Sentence;
import cleave.model.Target;
import cleave.model.TextTask;
import cleave.model.TextTask.LossesAt;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/// The answer to one question with each of many subcomponents, or other parts of weights,
/// suppressed by itself.
public final class EachAlone {
    /// Copies of the question that go through the target together, one part off in each.
    private static final int ROWS = 16;

    private EachAlone() {}

    /// The answer's log-probability, in nats, with each of these off by itself at every position.
    ///
    /// @param sentence of a prompt and its answer
    /// @param off the subcomponents; one that stands twice counts once
    public static SortedMap<SubcomponentId, Double> of(
            Decomposition decomposition, Sentence sentence, List<SubcomponentId> off) {
        List<Integer> everywhere =
                IntStream.range(0, TextTask.used(sentence, LossesAt.ANSWER)).boxed().toList();
        SortedMap<SubcomponentId, List<Integer>> positions = new TreeMap<>();
        off.forEach(id -> positions.put(id, everywhere));
        return at(decomposition, sentence, positions);
    }

    /// The answer's log-probability, in nats, with each of these off by itself at some positions.
    ///
    /// @param sentence of a prompt and its answer
    /// @param off where each is off
    static SortedMap<SubcomponentId, Double> at(
            Decomposition decomposition,
            Sentence sentence,
            SortedMap<SubcomponentId, List<Integer>> off) {
        List<SubcomponentId> ordered = new ArrayList<>(off.keySet());
        // Passes begin at the first block that is changed.
        ordered.sort(
                Comparator.comparingInt(
                                (SubcomponentId id) -> decomposition.site(id.site()).site().block())
                        .thenComparing(Comparator.naturalOrder()));
        SortedMap<SubcomponentId, Double> found = new TreeMap<>();
        Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    Questions rows = rows(decomposition, sentence);
                    for (int first = 0; first < ordered.size(); first += ROWS) {
                        List<SubcomponentId> some =
                                ordered.subList(first, Math.min(first + ROWS, ordered.size()));
                        double[] logarithms =
                                Scopes.run(() ->
                                        logarithms(
                                                rows, rows.pass().under(masks(rows, some, off))));
                        for (int row = 0; row < some.size(); row++) {
                            found.put(some.get(row), logarithms[row]);
                        }
                    }
                    return true;
                }));
        return Collections.unmodifiableSortedMap(found);
    }

    /// The answer's log-probability, in nats, with each of these parts of weights taken out by
    /// itself, in their order.
    ///
    /// @param sentence of a prompt and its answer
    public static double[] parts(
            Decomposition decomposition, Sentence sentence, List<WeightPart> parts) {
        Target target = decomposition.target();
        double[] found = new double[parts.size()];
        // Passes begin at the first block that is changed.
        List<Integer> ordered =
                IntStream.range(0, parts.size())
                        .boxed()
                        .sorted(
                                Comparator.comparingInt(
                                        (Integer i) -> target.site(parts.get(i).site()).block()))
                        .toList();
        Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    Questions rows = rows(decomposition, sentence);
                    for (int first = 0; first < ordered.size(); first += ROWS) {
                        List<Integer> some =
                                ordered.subList(first, Math.min(first + ROWS, ordered.size()));
                        double[] logarithms =
                                Scopes.run(() ->
                                        logarithms(
                                                rows,
                                                target.forward(
                                                                rows.pass().batch(),
                                                                replaced(target, parts, some),
                                                                rows.pass().clean())
                                                        .outputs()));
                        for (int row = 0; row < some.size(); row++) {
                            found[some.get(row)] = logarithms[row];
                        }
                    }
                    return true;
                }));
        return found;
    }

    private static Questions rows(Decomposition decomposition, Sentence sentence) {
        return Questions.of(
                decomposition,
                new QuestionGroup(
                        "each alone", Collections.nCopies(ROWS, sentence), LossesAt.ANSWER),
                false);
    }

    private static double[] logarithms(Questions rows, Tensor outputs) {
        return rows.answers(outputs).stream()
                .mapToDouble(AnswerEffect.Answer::logProbability)
                .toArray();
    }

    /// By site the map that in each row leaves out what one part writes.
    private static Map<String, Replacement> replaced(
            Target target, List<WeightPart> parts, List<Integer> some) {
        Map<String, List<Integer>> rowsBySite = new HashMap<>();
        for (int row = 0; row < some.size(); row++) {
            rowsBySite
                    .computeIfAbsent(parts.get(some.get(row)).site(), _ -> new ArrayList<>())
                    .add(row);
        }
        Map<String, Replacement> replaced = new HashMap<>();
        rowsBySite.forEach((name, rows) -> {
            replaced.put(
                    name,
                    (input, weight, _) -> {
                        Tensor output = target.products().map(input, weight);
                        Tensor lost = output.new_zeros(output.shape());
                        for (int row : rows) {
                            WeightPart part = parts.get(some.get(row));
                            lost.narrow(0, row, 1)
                                    .copy_(
                                            input.narrow(0, row, 1)
                                                    .matmul(part.V())
                                                    .matmul(part.U()));
                        }
                        return output.sub(lost);
                    });
        });
        return replaced;
    }

    /// Masks by site `[ROWS, T, C]`: in each row one subcomponent is suppressed, none in those left
    /// over.
    private static Map<String, Tensor> masks(
            Questions rows,
            List<SubcomponentId> some,
            SortedMap<SubcomponentId, List<Integer>> off) {
        Decomposition decomposition = rows.pass().decomposition();
        int length = Math.toIntExact(rows.pass().batch().length());
        Map<String, double[]> numbers = new HashMap<>();
        for (int row = 0; row < some.size(); row++) {
            SubcomponentId id = some.get(row);
            int count = decomposition.site(id.site()).count();
            double[] mask =
                    numbers.computeIfAbsent(
                            id.site(),
                            _ -> {
                                double[] ones = new double[ROWS * length * count];
                                Arrays.fill(ones, 1);
                                return ones;
                            });
            for (int t : off.getOrDefault(id, List.of())) {
                mask[(row * length + t) * count + id.index()] = 0;
            }
        }
        Map<String, Tensor> masks = new HashMap<>();
        numbers.forEach((site, values) ->
                masks.put(
                        site,
                        Tensors.of(
                                values,
                                decomposition.target().type(),
                                ROWS,
                                length,
                                decomposition.site(site).count())));
        return masks;
    }
}
