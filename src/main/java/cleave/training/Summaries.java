package cleave.training;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.loss.BatchSummary;
import cleave.loss.ImportanceSlice;
import cleave.loss.LossTerm;
import cleave.ranks.Exchange;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/// What slices of one step need to know of each other: the summaries of terms that couple, merged
/// over the batch, whichever rank computes which slice.
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

    /// How large a stream's batch is.
    BatchSummary.Sizes sizes(int stream) {
        return sizes[stream];
    }

    /// Whether any term of a stream couples slices.
    boolean couples(int stream) {
        return streams.get(stream).losses().stream().anyMatch(LossTerm::couples);
    }

    /// Whether any term of any stream couples slices.
    boolean couple() {
        return IntStream.range(0, streams.size()).anyMatch(this::couples);
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

    /// Merges the other ranks' summaries into these, in the order of ranks, so that all ranks have
    /// the same ones.
    void mergeOver(Exchange exchange, List<DecomposedSite> sites) {
        int numbers = sites.stream().mapToInt(DecomposedSite::count).sum();
        List<double[][][]> places = new ArrayList<>(); // of the terms that couple
        List<Integer> indices = new ArrayList<>();
        List<LossTerm> terms = new ArrayList<>();
        for (int stream = 0; stream < streams.size(); stream++) {
            for (int index = 0; index < streams.get(stream).losses().size(); index++) {
                LossTerm term = streams.get(stream).losses().get(index);
                if (term.couples()) {
                    places.add(merged.get(stream));
                    indices.add(index);
                    terms.add(term);
                }
            }
        }
        // Of each term, whether this rank has any slice of its stream, and the numbers.
        double[] own = new double[terms.size() * (1 + numbers)];
        for (int at = 0; at < terms.size(); at++) {
            double[][] ours = places.get(at)[indices.get(at)];
            int to = at * (1 + numbers);
            own[to++] = ours.length == 0 ? 0 : 1;
            for (double[] ofSite : ours) {
                System.arraycopy(ofSite, 0, own, to, ofSite.length);
                to += ofSite.length;
            }
        }
        double[][] ranks = exchange.gather(own);
        for (int at = 0; at < terms.size(); at++) {
            double[][] all = NOTHING;
            for (double[] rank : ranks) {
                int from = at * (1 + numbers);
                if (rank[from] != 0) {
                    all = merge(terms.get(at), all, bySite(rank, from + 1, sites));
                }
            }
            places.get(at)[indices.get(at)] = all;
        }
    }

    private static double[][] bySite(double[] numbers, int first, List<DecomposedSite> sites) {
        double[][] bySite = new double[sites.size()][];
        int from = first;
        for (int site = 0; site < bySite.length; site++) {
            int to = from + sites.get(site).count();
            bySite[site] = Arrays.copyOfRange(numbers, from, to);
            from = to;
        }
        return bySite;
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
