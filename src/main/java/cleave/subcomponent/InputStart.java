package cleave.subcomponent;

import cleave.model.Site;
import cleave.subcomponent.Subcomponents.Initial;
import cleave.subcomponent.Subcomponents.Start;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.List;

/// Subcomponents that begin at inputs of their site (spec S3, `inputs`).
///
/// Of the inputs as many are chosen as there are subcomponents, each as unlike the earlier ones as
/// can be. For a chosen input x and the chosen ones' second moment M, subcomponent c reads `V_c =
/// M^-1 x / (x^T M^-1 x)`, of all directions with `V_c . x = 1` the one that the chosen inputs move
/// least, and writes `U_c = W x`. So it does for x what W does by itself, and as little as one
/// subcomponent can for the others. U_c and V_c are then scaled to the same length.
///
/// Ours: in the papers subcomponents start at random. Where inputs are few, such as tokens, this
/// start has a piece for each, which training may then let several share.
public final class InputStart {
    /// Added to the diagonal of M, times its mean: directions that inputs hardly have would else be
    /// read without bound.
    private static final double RIDGE = 1e-4;

    /// An input is not chosen when its cosine with an earlier one is within this of 1.
    private static final double SAME = 1e-6;

    /// Where W makes nothing of an input, U_c is zero and V_c this small.
    private static final double TINY = 1e-6;

    private InputStart() {}

    /// V and U at inputs of the site.
    ///
    /// @param W `[d_out, d_in]` the site's weight
    /// @param inputs `[N, d_in]` of the site; where fewer than C directions differ, the remaining
    ///   subcomponents start `ALIGNED`
    /// @param seed of those
    public static Initial at(Site site, Tensor W, Tensor inputs, int C, long seed) {
        Tensor all =
                Scopes.keep(() -> {
                    Tensor doubles = inputs.to(Type.DOUBLE);
                    return doubles.index_select(0, lengths(doubles).flatten().nonzero().flatten());
                });
        long[] chosen = Scopes.run(() -> unlike(all, C));
        Initial spare = Subcomponents.initial(site, W, C, Start.ALIGNED, seed);
        if (chosen.length == 0) {
            return spare;
        }
        Type type = Tensors.type(W);
        long from = chosen.length;
        long left = C - from;
        Scopes.Place outer = Scopes.here();
        return Scopes.run(() -> {
            Tensor x = all.index_select(0, Tensors.of(chosen, from));
            Tensor reads = reads(x);
            Tensor writes = x.matmul(W.to(Type.DOUBLE).t());
            Tensor scale = lengths(writes).div(lengths(reads)).sqrt().clamp_min(TINY);
            return new Initial(
                    outer.keep(() ->
                            Tensors.concatenate(
                                    1,
                                    reads.mul(scale).t().to(type),
                                    spare.V().narrow(1, from, left))),
                    outer.keep(() ->
                            Tensors.concatenate(
                                    0,
                                    writes.div(scale).to(type),
                                    spare.U().narrow(0, from, left))));
        });
    }

    /// At most C rows of `[N, d]`: the one nearest to the mean direction, then always the one whose
    /// largest cosine with those chosen is smallest; of equals the first.
    private static long[] unlike(Tensor inputs, int C) {
        if (inputs.size(0) == 0) {
            return new long[0];
        }
        Tensor directions = inputs.div(lengths(inputs));
        List<Long> chosen = new ArrayList<>();
        long next = directions.matmul(directions.mean(0)).argmax().item_long();
        Tensor nearest = Tensors.zeros(Type.DOUBLE, inputs.size(0)).sub(2);
        while (chosen.size() < C) {
            chosen.add(next);
            Tensor before = nearest;
            long latest = next;
            nearest =
                    Scopes.keep(() ->
                            Tensors.maximum(
                                    before, directions.matmul(directions.select(0, latest))));
            next = nearest.argmin().item_long();
            if (nearest.select(0, next).item() >= 1 - SAME) {
                break;
            }
        }
        return chosen.stream().mapToLong(Long::longValue).toArray();
    }

    /// `M^-1 x / (x^T M^-1 x)` of each row of `[C, d]`.
    private static Tensor reads(Tensor x) {
        long d = x.size(1);
        Tensor moment = x.t().matmul(x).div(x.size(0));
        Tensor ridge = moment.trace().mul(RIDGE / d);
        Tensor solved =
                Tensors.solve(moment.add(Tensors.eye(Type.DOUBLE, d).mul(ridge)), x.t()).t();
        return solved.div(solved.mul(x).sum(new long[] {1}, true));
    }

    /// The 2-norm of each row of `[N, d]`: `[N, 1]`.
    private static Tensor lengths(Tensor rows) {
        return rows.mul(rows).sum(new long[] {1}, true).sqrt();
    }
}
