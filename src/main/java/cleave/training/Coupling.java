package cleave.training;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.engine.Engine;
import cleave.loss.ImportanceLosses;
import cleave.loss.LossTerm;
import cleave.loss.LossTerm.ImportanceMinimality;
import cleave.loss.LossTerm.Reconstruction;
import cleave.loss.LossTerm.UnusedEffect;
import cleave.loss.LossTerm.Usage;
import cleave.loss.LossTerm.UsedAlone;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What slices of one step need to know of each other: of the terms on importances totals over the
/// batch or the largest in it, and what follows from them.
final class Coupling {

    /// The totals of one slice: `[term][site][c]`; empty arrays for terms that do not couple.
    record Totals(double[][][] values) {
        /// Of a slice without coupled terms.
        static final Totals NONE = new Totals(new double[0][][]);
    }

    private final List<Stream> streams;
    private final List<DecomposedSite> sites;
    private final long step;
    private final long steps;
    private final double[] positions;
    private final double[] sequences;
    private final List<double[][][]> totals = new ArrayList<>(); // [stream][term][site][c]

    Coupling(List<Stream> streams, List<DecomposedSite> sites, long step, long steps) {
        this.streams = streams;
        this.sites = sites;
        this.step = step;
        this.steps = steps;
        positions = new double[streams.size()];
        sequences = new double[streams.size()];
        for (Stream stream : streams) {
            double[][][] terms = new double[stream.losses().size()][sites.size()][];
            for (double[][] term : terms) {
                for (int site = 0; site < sites.size(); site++) {
                    term[site] = new double[sites.get(site).count()];
                }
            }
            totals.add(terms);
        }
    }

    void sizes(int stream, double positions, double sequences) {
        this.positions[stream] = positions;
        this.sequences[stream] = sequences;
    }

    boolean couples(int stream) {
        return streams.get(stream).losses().stream().anyMatch(LossTerm::couples);
    }

    /// The totals of a slice from its upper importances `[B, T, C]` in site order.
    Totals totals(
            Engine engine, int stream, List<Tensor> upper, @Nullable Tensor valid) {
        List<LossTerm> terms = streams.get(stream).losses();
        // What three of the terms look at.
        List<Tensor> peaks =
                terms.stream().anyMatch(Coupling::isOnPeaks)
                        ? upper.stream()
                                .map(g -> ImportanceLosses.eachPeak(engine, g, valid))
                                .toList()
                        : List.of();
        double[][][] values = new double[terms.size()][][];
        for (int index = 0; index < terms.size(); index++) {
            LossTerm term = terms.get(index);
            if (!term.couples()) {
                values[index] = new double[0][];
                continue;
            }
            values[index] = new double[upper.size()][];
            for (int site = 0; site < upper.size(); site++) {
                Tensor g = upper.get(site);
                Tensor sums =
                        switch (term) {
                            case ImportanceMinimality minimality ->
                                    ImportanceLosses.powers(
                                            engine,
                                            minimality,
                                            minimality.p().at(step, steps),
                                            g,
                                            valid);
                            case Usage _ -> ImportanceLosses.peaks(peaks.get(site));
                            case UnusedEffect _, UsedAlone _ ->
                                    ImportanceLosses.largest(peaks.get(site));
                            case Reconstruction _ ->
                                    throw new IllegalStateException("reconstruction has no totals");
                        };
                values[index][site] = Tensors.toDoubles(sums);
            }
        }
        return new Totals(values);
    }

    void add(int stream, Totals slice) {
        double[][][] sums = totals.get(stream);
        for (int term = 0; term < slice.values().length; term++) {
            boolean largest = isLargest(streams.get(stream).losses().get(term));
            for (int site = 0; site < slice.values()[term].length; site++) {
                for (int c = 0; c < sums[term][site].length; c++) {
                    double value = slice.values()[term][site][c];
                    sums[term][site][c] =
                            largest
                                    ? Math.max(sums[term][site][c], value)
                                    : sums[term][site][c] + value;
                }
            }
        }
    }

    private static boolean isOnPeaks(LossTerm term) {
        return term instanceof Usage || isLargest(term);
    }

    /// Whether a term depends on the largest importance in the batch, and not on a total.
    private static boolean isLargest(LossTerm term) {
        return term instanceof UnusedEffect || term instanceof UsedAlone;
    }

    /// How used each subcomponent of a site is in the batch `[C]`: its largest importance.
    double[] used(int stream, int index, int site) {
        return Arrays.stream(totals.get(stream)[index][site])
                .map(largest -> Math.min(1, largest))
                .toArray();
    }

    /// How unused each subcomponent of a site is in the batch `[C]`: 1 less its largest importance.
    double[] unused(int stream, int index, int site) {
        return Arrays.stream(used(stream, index, site)).map(used -> 1 - used).toArray();
    }

    /// The weight of each subcomponent's slice total in a term's gradient, `[site][c]`.
    double[][] weights(int stream, int index) {
        double[][] weights = new double[sites.size()][];
        for (int site = 0; site < weights.length; site++) {
            double[] sums = totals.get(stream)[index][site];
            weights[site] =
                    switch (streams.get(stream).losses().get(index)) {
                        case ImportanceMinimality term ->
                                ImportanceLosses.minimalityWeights(
                                        term, sums, divisor(term, stream));
                        case Usage term ->
                                ImportanceLosses.usageWeights(term, sums, sequences[stream]);
                        case Reconstruction _, UnusedEffect _, UsedAlone _ ->
                                throw new IllegalStateException("this term has no weights");
                    };
        }
        return weights;
    }

    private double divisor(ImportanceMinimality term, int stream) {
        return ImportanceLosses.divisor(term.positions(), positions[stream], sequences[stream]);
    }

    /// Puts the true values of coupled terms in the place of the weighted sums.
    void values(StepOutcome outcome) {
        for (int stream = 0; stream < streams.size(); stream++) {
            List<LossTerm> terms = streams.get(stream).losses();
            for (int index = 0; index < terms.size(); index++) {
                LossTerm term = terms.get(index);
                if (!term.couples() || isLargest(term)) {
                    continue;
                }
                double value = 0;
                for (double[] sums : totals.get(stream)[index]) {
                    value +=
                            switch (term) {
                                case ImportanceMinimality minimality ->
                                        ImportanceLosses.minimality(
                                                minimality, sums, divisor(minimality, stream));
                                case Usage usage ->
                                        ImportanceLosses.usage(usage, sums, sequences[stream]);
                                case Reconstruction _, UnusedEffect _, UsedAlone _ -> 0;
                            };
                }
                outcome.replace(stream, index, value);
            }
        }
    }
}
