package cleave.study.induction;

import cleave.analysis.Evaluation;
import cleave.analysis.Tally;
import cleave.model.Replacement;
import cleave.model.Site;
import cleave.model.Target;
import cleave.model.Task;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.SequencedMap;

/// What a target needs when no gate takes part and nothing is fitted (spec N7): its own matrices,
/// cut to their largest singular values at every position.
///
/// @param accuracy of the target itself
/// @param rows one for each site of the paper's table
/// @param allAtRankOne accuracy with every site but V1 at rank one at once, V1 whole
/// @param copyByRank accuracy with V1 at each rank, the other matrices whole, from 1 up
/// @param copyRank the smallest of these ranks from which on it is enough; empty when none is
public record PositionFree(
        double accuracy,
        List<Row> rows,
        double allAtRankOne,
        SequencedMap<Integer, Double> copyByRank,
        OptionalInt copyRank) {

    /// A target that keeps at most this share of its accuracy without a matrix needs it.
    public static final double NEEDED = 0.9;

    /// A target that keeps at least this share of its accuracy has enough.
    public static final double ENOUGH = 0.995;

    /// The site that copies; it may have as many subcomponents as its rank.
    private static final String COPY = "V1";

    /// One matrix cut, the others whole.
    ///
    /// @param site its name
    /// @param atZero accuracy when it is zero
    /// @param atRankOne accuracy when only its largest singular value is left
    /// @param needed whether the first is at most `NEEDED` of the target's
    /// @param enough whether the second is at least `ENOUGH` of the target's
    public record Row(
            String site, double atZero, double atRankOne, boolean needed, boolean enough) {}

    /// Measures a target.
    ///
    /// @param sites of the paper's table
    /// @param sequences of the evaluation stream
    /// @param batch sequences at a time
    static PositionFree of(Target target, Task task, List<String> sites, int sequences, int batch) {
        Evaluation evaluation = new Evaluation(target, task, sequences, batch);
        Tally whole = new Tally();
        evaluation.forEach(slice -> whole.add(slice, slice.clean().outputs()));
        double accuracy = whole.accuracy();
        List<Row> rows = new ArrayList<>();
        Map<String, Tensor> ones = new HashMap<>();
        for (String site : sites) {
            Tensor one = cut(target.weight(target.site(site)), 1);
            double atZero = accuracy(evaluation, Map.of(site, one.new_zeros(one.shape())));
            double atOne = accuracy(evaluation, Map.of(site, one));
            rows.add(
                    new Row(
                            site,
                            atZero,
                            atOne,
                            atZero < accuracy && atZero <= NEEDED * accuracy,
                            atOne >= ENOUGH * accuracy));
            if (!site.equals(COPY)) {
                ones.put(site, one);
            }
        }
        SequencedMap<Integer, Double> byRank = new LinkedHashMap<>();
        Tensor copy = target.weight(target.site(COPY));
        int full = (int) Math.min(copy.size(0), copy.size(1));
        for (int rank = 1; rank <= full; rank++) {
            byRank.put(rank, accuracy(evaluation, Map.of(COPY, cut(copy, rank))));
        }
        return new PositionFree(
                accuracy,
                List.copyOf(rows),
                accuracy(evaluation, ones),
                Collections.unmodifiableSequencedMap(byRank),
                enough(byRank, accuracy));
    }

    /// The smallest rank from which on every rank is enough.
    private static OptionalInt enough(SequencedMap<Integer, Double> byRank, double accuracy) {
        OptionalInt smallest = OptionalInt.empty();
        for (Map.Entry<Integer, Double> each : byRank.reversed().entrySet()) {
            if (each.getValue() < ENOUGH * accuracy) {
                break;
            }
            smallest = OptionalInt.of(each.getKey());
        }
        return smallest;
    }

    /// The nearest matrix of this rank, `W P P^T` with P the eigenvectors `[d_in, rank]` of the
    /// largest eigenvalues of `W^T W`.
    ///
    /// @param weight `[d_out, d_in]`
    static Tensor cut(Tensor weight, int rank) {
        Tensor vectors = Tensors.eigen(weight.t().matmul(weight)).vectors(); // rising
        Tensor largest = vectors.narrow(1, vectors.size(1) - rank, rank);
        return weight.matmul(largest).matmul(largest.t());
    }

    private static double accuracy(Evaluation evaluation, Map<String, Tensor> cut) {
        Target target = evaluation.target();
        Map<String, Replacement> replaced = new LinkedHashMap<>();
        for (Site site : target.sites()) {
            Tensor matrix = cut.get(site.name());
            if (matrix != null) {
                replaced.put(site.name(), (input, _, _) -> input.matmul(matrix.t()));
            }
        }
        Tally tally = new Tally();
        evaluation.forEach(slice ->
                tally.add(slice, target.forward(slice.batch(), replaced, slice.clean()).outputs()));
        return tally.accuracy();
    }

    /// The sites whose matrix is needed.
    public List<String> needed() {
        return rows.stream().filter(Row::needed).map(Row::site).toList();
    }

    /// Whether every row is needed and one piece in each but V1 is enough, alone and together.
    public boolean isWholeTable() {
        return rows.stream().allMatch(row -> row.needed() && (row.enough() || isCopy(row)))
                && allAtRankOne >= ENOUGH * accuracy
                && copyRank.isPresent();
    }

    private static boolean isCopy(Row row) {
        return row.site().equals(COPY);
    }
}
