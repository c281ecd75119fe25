package cleave.analysis;

import cleave.model.Batch;
import cleave.model.Positions;
import cleave.model.Task;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/// Adds up one site's census over slices.
final class SiteCounts {
    private final int count;
    private final double threshold;
    private final List<Double> thresholds;
    private final double[][] sequences; // [threshold][C], sequences in which it is active
    private final double[] positions; // [C], positions at which it is active
    private final double[] importance; // [C], summed over these
    private double aboveZero;
    private double undecided;
    private final SequencedMap<String, Double> active = new LinkedHashMap<>();

    /// @param count C
    /// @param threshold one of `thresholds`
    SiteCounts(int count, double threshold, List<Double> thresholds) {
        this.count = count;
        this.threshold = threshold;
        this.thresholds = thresholds;
        sequences = new double[thresholds.size()][count];
        positions = new double[count];
        importance = new double[count];
    }

    /// Adds a slice with lower importances `[B, T, C]`.
    void add(Tensor lower, Task.Examples examples, List<String> marks) {
        Batch batch = examples.batch();
        Tensor valid = batch.valid();
        Tensor g = valid == null ? lower : lower.masked_fill(valid.logical_not().unsqueeze(2), 0);
        Tensor peaks = g.amax(1); // [B, C]
        for (int i = 0; i < thresholds.size(); i++) {
            add(sequences[i], sum(peaks.gt(thresholds.get(i)), 0));
        }
        Tensor on = g.gt(threshold).to(Tensors.type(g)); // [B, T, C]
        add(positions, sum(on, 0, 1));
        add(importance, sum(on.mul(g), 0, 1));
        aboveZero += Tensors.number(g.gt(SiteCensus.ABOVE_ZERO).sum());
        undecided +=
                Tensors.number(
                        g.gt(SiteCensus.UNDECIDED_FROM)
                                .logical_and(g.lt(SiteCensus.UNDECIDED_TO))
                                .sum());
        for (String mark : marks) {
            Tensor at = Tensors.named(mark, examples.marks()).unsqueeze(1); // [B, 1]
            active.merge(mark, Tensors.number(Positions.select(on, at).sum()), Double::sum);
        }
    }

    private static Tensor sum(Tensor x, long... axes) {
        return x.sum(axes); // [C]
    }

    private static void add(double[] to, Tensor sums) {
        double[] values = Tensors.toDoubles(sums);
        for (int c = 0; c < to.length; c++) {
            to[c] += values[c];
        }
    }

    /// The site's census.
    ///
    /// @param floors of the frequency, ascending
    /// @param norms `[C]` the size of each subcomponent
    SiteCensus census(Sample sample, List<Double> floors, double floor, double[] norms) {
        SequencedMap<String, Double> means = new LinkedHashMap<>();
        sample.marks()
                .forEach((mark, counted) ->
                        means.put(mark, active.getOrDefault(mark, 0.0) / counted));
        SequencedMap<String, SequencedMap<String, Integer>> uniqueAt = new LinkedHashMap<>();
        for (int i = 0; i < thresholds.size(); i++) {
            SequencedMap<String, Integer> byFloor = new LinkedHashMap<>();
            for (double least : floors) {
                byFloor.put(text(least), unique(sequences[i], least, sample.sequences()));
            }
            uniqueAt.put(text(thresholds.get(i)), Collections.unmodifiableSequencedMap(byFloor));
        }
        double[] chosen = sequences[thresholds.indexOf(threshold)];
        return new SiteCensus(
                count,
                Collections.unmodifiableSequencedMap(means),
                unique(chosen, floor, sample.sequences()),
                Collections.unmodifiableSequencedMap(uniqueAt),
                new SiteCensus.Values((long) aboveZero, (long) undecided),
                subcomponents(chosen, sample, norms));
    }

    private List<SiteCensus.Active> subcomponents(double[] chosen, Sample sample, double[] norms) {
        List<SiteCensus.Active> used = new ArrayList<>();
        for (int c = 0; c < count; c++) {
            if (chosen[c] > 0) {
                used.add(
                        new SiteCensus.Active(
                                c,
                                (int) chosen[c],
                                chosen[c] / sample.sequences(),
                                positions[c] / sample.positions(),
                                importance[c] / positions[c],
                                norms[c]));
            }
        }
        return List.copyOf(used);
    }

    private static int unique(double[] sequences, double floor, int total) {
        int unique = 0;
        for (double seen : sequences) {
            unique += isUsed(seen, floor, total) ? 1 : 0;
        }
        return unique;
    }

    /// Whether a subcomponent active in `seen` of `total` sequences counts as used: its share
    /// reaches the floor, and it is active at least once.
    static boolean isUsed(double seen, double floor, double total) {
        return seen >= 1 && seen / total >= floor;
    }

    /// A number as a key of a map: `0.5`, `0`, `0.001`.
    private static String text(double value) {
        return BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
    }
}
