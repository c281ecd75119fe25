package cleave.analysis;

import cleave.analysis.Evaluation.Slice;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.loss.Losses;
import cleave.mask.MaskedForward;
import cleave.model.Task;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// Adds up a census over slices.
final class CensusSums {
    private final Decomposition decomposition;
    private final Task task;
    private final Census.Settings options;
    private final Evaluation.Counts counts = new Evaluation.Counts();
    private final SequencedMap<DecomposedSite, SiteCounts> sites = new LinkedHashMap<>();
    private final Map<CensusPass, Tally> tallies = new EnumMap<>(CensusPass.class);
    private final Tally clean = new Tally();
    private final List<AttentionDivergence.Sum> attention = new ArrayList<>();

    CensusSums(Decomposition decomposition, Task task, Census.Settings options) {
        this.decomposition = decomposition;
        this.task = task;
        this.options = options;
        List<Double> thresholds =
                Stream.concat(Census.THRESHOLDS.stream(), Stream.of(options.threshold()))
                        .distinct()
                        .sorted()
                        .toList();
        decomposition
                .sites()
                .forEach(site ->
                        sites.put(
                                site,
                                new SiteCounts(site.count(), options.threshold(), thresholds)));
        for (CensusPass pass : CensusPass.values()) {
            tallies.put(pass, new Tally());
        }
    }

    void add(Slice slice) {
        counts.add(slice, task);
        List<Tensor> lower = Importances.of(decomposition, slice.clean(), slice.batch());
        int at = 0;
        for (SiteCounts site : sites.values()) {
            Tensor g = lower.get(at++);
            Scopes.run(() -> site.add(g, slice.examples(), task.marks()));
        }
        clean.add(slice, slice.clean().outputs());
        if (attention.isEmpty()) {
            IntStream.range(0, slice.clean().attention().size())
                    .forEach(layer -> attention.add(new AttentionDivergence.Sum(layer)));
        }
        for (CensusPass pass : CensusPass.values()) {
            Scopes.run(() -> add(slice, lower, pass));
        }
    }

    private void add(Slice slice, List<Tensor> lower, CensusPass pass) {
        MaskedForward forward =
                new MaskedForward(
                        decomposition, slice.batch(), slice.clean(), lower, options.weightDelta());
        tally(pass)
                .add(
                        slice,
                        pass.runs(forward, slice.index()),
                        run -> {
                            switch (pass) {
                                case IMPORTANCE ->
                                        attention.forEach(layer -> layer.addImportance(slice, run));
                                case STOCHASTIC ->
                                        attention.forEach(layer -> layer.addStochastic(slice, run));
                                case ROUNDED, LAYERWISE, PARTIAL, ONES -> {}
                            }
                        });
    }

    Sample sample() {
        return counts.sample();
    }

    List<AttentionDivergence> attention() {
        return attention.stream().map(AttentionDivergence.Sum::mean).toList();
    }

    Tally tally(CensusPass pass) {
        return Objects.requireNonNull(tallies.get(pass));
    }

    SequencedMap<String, SiteCensus> sites(Sample sample) {
        SequencedMap<String, SiteCensus> census = new LinkedHashMap<>();
        sites.forEach((site, sums) ->
                census.put(
                        site.name(),
                        sums.census(sample, Census.FLOORS, Census.FLOOR, norms(site))));
        return Collections.unmodifiableSequencedMap(census);
    }

    private double[] norms(DecomposedSite site) {
        return Scopes.run(() -> Tensors.toDoubles(decomposition.subcomponents(site).norms()));
    }

    Census.CensusLosses losses() {
        return new Census.CensusLosses(
                Scopes.run(() -> Tensors.number(Losses.faithfulness(decomposition, false))),
                tally(CensusPass.IMPORTANCE).kl(),
                tally(CensusPass.ROUNDED).kl(),
                tally(CensusPass.STOCHASTIC).kl(),
                tally(CensusPass.LAYERWISE).kl(),
                tally(CensusPass.PARTIAL).kl(),
                tally(CensusPass.ONES).kl());
    }

    Census.Accuracies accuracies() {
        return new Census.Accuracies(
                clean.accuracy(),
                tally(CensusPass.IMPORTANCE).accuracy(),
                tally(CensusPass.ROUNDED).accuracy(),
                tally(CensusPass.STOCHASTIC).accuracy(),
                tally(CensusPass.LAYERWISE).accuracy(),
                tally(CensusPass.PARTIAL).accuracy(),
                tally(CensusPass.ONES).accuracy());
    }
}
