package cleave.subcomponent;

import cleave.model.Site;
import cleave.subcomponent.Subcomponents.Initial;
import cleave.subcomponent.Subcomponents.Start;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;

/// Subcomponents that begin at the singular directions of the site's weight (spec S3, `singular`).
///
/// Subcomponent c reads the c-th right singular vector of W as `V_c`, of length 1 and with a sign
/// that makes its largest entry positive, and writes `U_c = W V_c`. Where there are as many
/// subcomponents as W has directions, they sum to W from the first step on.
///
/// Ours: in the papers subcomponents start at random, and training first has to make their sum the
/// weight and to cancel what each of them does besides.
public final class SingularStart {
    private SingularStart() {}

    /// V and U at singular directions of the weight.
    ///
    /// @param W `[d_out, d_in]` the site's weight
    /// @param C how many subcomponents; those beyond the smaller of `d_out` and `d_in` start
    ///   `ALIGNED`
    /// @param seed of those
    public static Initial at(Site site, Tensor W, int C, long seed) {
        Initial spare = Subcomponents.initial(site, W, C, Start.ALIGNED, seed);
        Type type = Tensors.type(W);
        long count = Math.min(C, Math.min(W.size(0), W.size(1)));
        long left = C - count;
        Scopes.Place outer = Scopes.here();
        return Scopes.run(() -> {
            Tensor weight = W.to(Type.DOUBLE);
            Tensor rows = Tensors.svd(weight).V().narrow(0, 0, count); // [count, d_in]
            Tensor largest = rows.abs().argmax(1, true); // [count, 1]
            Tensor signs = rows.gather(1, largest).lt(0).to(Type.DOUBLE).mul(-2).add(1);
            Tensor reads = rows.mul(signs);
            Tensor writes = reads.matmul(weight.t()); // [count, d_out]
            return new Initial(
                    outer.keep(() ->
                            Tensors.concatenate(
                                    1, reads.t().to(type), spare.V().narrow(1, count, left))),
                    outer.keep(() ->
                            Tensors.concatenate(
                                    0, writes.to(type), spare.U().narrow(0, count, left))));
        });
    }
}
