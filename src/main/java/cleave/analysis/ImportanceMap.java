package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Clean;
import cleave.model.Target;
import cleave.model.Task;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.stream.IntStream;

/// Importances and attention on single example sequences, to be looked at (spec A2).
///
/// @param suppressed what is off, at every position, in the second set of patterns
/// @param examples the first sequences of the fixed evaluation stream
public record ImportanceMap(List<SubcomponentId> suppressed, List<Example> examples) {

    /// One sequence.
    ///
    /// @param index in the evaluation stream
    /// @param tokens of the sequence; of features, the largest at each position
    /// @param marks positions by name
    /// @param importances of the used subcomponents of each site; 0 at padding
    /// @param attention the target's pattern of each layer, `[query][key]`
    /// @param suppressedAttention the same with subcomponents suppressed, the weight delta kept
    public record Example(
            long index,
            List<Long> tokens,
            SequencedMap<String, Long> marks,
            SequencedMap<String, List<Row>> importances,
            List<List<List<Double>>> attention,
            List<List<List<Double>>> suppressedAttention) {}

    /// The lower importance of a subcomponent at each position.
    public record Row(int index, List<Double> importance) {}

    /// Maps of the first `examples` sequences.
    ///
    /// @param shown subcomponents whose importances are listed
    /// @param off what to suppress in the second set of patterns
    public static ImportanceMap of(
            Decomposition decomposition,
            Task task,
            List<SubcomponentId> shown,
            List<SubcomponentId> off,
            int examples) {
        shown.forEach(id -> id.requireIn(decomposition));
        off.forEach(id -> id.requireIn(decomposition));
        List<Example> maps =
                IntStream.range(0, examples)
                        .mapToObj(index ->
                                Scopes.run(() ->
                                        Scopes.withoutGradient(() ->
                                                example(decomposition, task, shown, off, index))))
                        .toList();
        return new ImportanceMap(List.copyOf(off), maps);
    }

    private static Example example(
            Decomposition decomposition,
            Task task,
            List<SubcomponentId> shown,
            List<SubcomponentId> off,
            int index) {
        Task.Examples examples = task.examples(0, Draws.Purpose.EVALUATION, index, 1);
        Batch batch = everyQuery(examples.batch());
        Clean clean = decomposition.target().clean(batch);
        Target.Forward without =
                Ablations.pass(
                        Ablations.without(decomposition, off),
                        decomposition,
                        batch,
                        clean,
                        WeightDelta.ON);
        SequencedMap<String, Long> marks = new LinkedHashMap<>();
        task.marks()
                .forEach(mark ->
                        marks.put(mark, Tensors.toLongs(Tensors.named(mark, examples.marks()))[0]));
        return new Example(
                index,
                tokens(batch.inputs()),
                Collections.unmodifiableSequencedMap(marks),
                importances(decomposition, clean, batch, shown),
                clean.attention().stream().map(ImportanceMap::table).toList(),
                IntStream.range(0, clean.attention().size())
                        .mapToObj(layer -> table(Patterns.of(clean, without, layer)))
                        .toList());
    }

    private static List<Long> tokens(Tensor inputs) {
        Tensor tokens = inputs.ndimension() == 2 ? inputs : inputs.abs().argmax(2, false);
        return Arrays.stream(Tensors.toLongs(tokens)).boxed().toList();
    }

    /// The same sequence with every position a loss position, so that the last block computes all
    /// queries too.
    private static Batch everyQuery(Batch batch) {
        long[] all = IntStream.range(0, (int) batch.length()).asLongStream().toArray();
        return new Batch(
                batch.stream(),
                batch.firstExample(),
                batch.inputs(),
                batch.valid(),
                new LossPositions(Tensors.of(all, 1, all.length), batch.valid()));
    }

    private static SequencedMap<String, List<Row>> importances(
            Decomposition decomposition, Clean clean, Batch batch, List<SubcomponentId> shown) {
        List<Tensor> lower = Importances.of(decomposition, clean, batch); // [1, T, C] each
        Tensor valid = batch.valid();
        SequencedMap<String, List<Row>> importances = new LinkedHashMap<>();
        for (int site = 0; site < lower.size(); site++) {
            String name = decomposition.sites().get(site).name();
            Tensor g = lower.get(site);
            Tensor real = valid == null ? g : g.masked_fill(valid.logical_not().unsqueeze(2), 0);
            importances.put(
                    name,
                    shown.stream()
                            .filter(id -> id.site().equals(name))
                            .map(id -> new Row(id.index(), numbers(real.select(2, id.index()))))
                            .toList());
        }
        return Collections.unmodifiableSequencedMap(importances);
    }

    private static List<List<Double>> table(Tensor pattern) {
        int keys = (int) pattern.size(2);
        List<Double> all = numbers(pattern);
        List<List<Double>> rows = new ArrayList<>();
        for (int at = 0; at < all.size(); at += keys) {
            rows.add(all.subList(at, at + keys));
        }
        return List.copyOf(rows);
    }

    private static List<Double> numbers(Tensor x) {
        return Arrays.stream(Tensors.toDoubles(x)).boxed().toList();
    }
}
