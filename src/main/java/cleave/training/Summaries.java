package cleave.training;

import cleave.loss.BatchSummary;
import cleave.loss.ImportanceSlice;
import cleave.loss.LossTerm;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.OptionalDouble;

/// What slices of one step need to know of each other: the summaries of terms that couple, merged
/// over the batch.
final class Summaries {

    /// The summaries of one slice, `[term][site][c]`; empty for terms that do not couple.
    record Slice(double[][][] values) {
        /// Of a slice without coupled terms.
        static final Slice NONE = new Slice(new double[0][][]);
    }

    private static final double[][] NOTHING = new double[0][];

    private final List<Stream> streams;
    private final BatchSummary.Sizes[] sizes; // of each stream
    private final List<double[][][]> merged = new ArrayList<>(); // [stream][term][site][c]

    Summaries(List<Stream> streams) {
        this.streams = streams;
        sizes = new BatchSummary.Sizes[streams.size()];
        for (Stream stream : streams) {
            merged.add(
                    Collections.nCopies(stream.losses().size(), NOTHING)
                            .toArray(double[][][]::new));
        }
    }

    /// Notes how large a stream's batch is.
    void sizes(int stream, BatchSummary.Sizes ofStream) {
        sizes[stream] = ofStream;
    }

    /// Whether any term of a stream couples slices.
    boolean couples(int stream) {
        return streams.get(stream).losses().stream().anyMatch(LossTerm::couples);
    }

    /// The summaries of one slice.
    Slice of(int stream, ImportanceSlice slice) {
        return new Slice(
                streams.get(stream).losses().stream()
                        .map(term -> term.couples() ? term.summary(slice) : NOTHING)
                        .toArray(double[][][]::new));
    }

    /// Merges a slice's summaries into those of its stream.
    void add(int stream, Slice slice) {
        double[][][] into = merged.get(stream);
        for (int term = 0; term < slice.values().length; term++) {
            into[term] =
                    merge(streams.get(stream).losses().get(term), into[term], slice.values()[term]);
        }
    }

    private static double[][] merge(LossTerm term, double[][] one, double[][] other) {
        if (one.length == 0) {
            return other;
        }
        for (int site = 0; site < other.length; site++) {
            for (int c = 0; c < other[site].length; c++) {
                one[site][c] = term.merge(one[site][c], other[site][c]);
            }
        }
        return one;
    }

    /// What a term knows of its stream's batch.
    BatchSummary of(int stream, int term) {
        return new BatchSummary(merged.get(stream)[term], sizes[stream]);
    }

    /// Puts the values that come from whole batches in the place of the slices' sums.
    void values(StepOutcome outcome) {
        for (int stream = 0; stream < streams.size(); stream++) {
            List<LossTerm> terms = streams.get(stream).losses();
            for (int index = 0; index < terms.size(); index++) {
                OptionalDouble value = terms.get(index).value(of(stream, index));
                if (value.isPresent()) {
                    outcome.replace(stream, index, value.getAsDouble());
                }
            }
        }
    }
}
