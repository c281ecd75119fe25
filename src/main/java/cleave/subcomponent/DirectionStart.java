package cleave.subcomponent;

import cleave.model.Site;
import cleave.subcomponent.Subcomponents.Initial;
import cleave.subcomponent.Subcomponents.Start;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;

/// Subcomponents that begin at the singular directions of a few inputs of their site (spec S3,
/// `directions`).
///
/// Subcomponent c reads the c-th right singular vector of the inputs as `V_c`, of length 1 and with
/// a sign that makes the inputs' mean positive along it, and writes `U_c = W V_c`. Together they do
/// for these inputs what W does, as far as C directions hold them.
///
/// Ours: a language model on two prompts excites few directions of each matrix. Subcomponents that
/// start at random would have to find them first.
public final class DirectionStart {
    /// A direction counts when its singular value is above this share of the largest.
    private static final double LEAST = 1e-6;

    private DirectionStart() {}

    /// V and U at directions of the site's inputs.
    ///
    /// @param W `[d_out, d_in]` the site's weight
    /// @param inputs `[N, d_in]` of the site; where they have fewer than C directions, the
    ///   remaining subcomponents start `ALIGNED`
    /// @param seed of those
    public static Initial at(Site site, Tensor W, Tensor inputs, int C, long seed) {
        Initial spare = Subcomponents.initial(site, W, C, Start.ALIGNED, seed);
        Type type = Tensors.type(W);
        Scopes.Place outer = Scopes.here();
        return Scopes.run(() -> {
            Tensor all = inputs.to(Type.DOUBLE);
            Tensors.Svd parts = Tensors.svd(all);
            double least = LEAST * Tensors.number(parts.S().max());
            long counted = Math.round(Tensors.number(parts.S().gt(least).sum(0)));
            long count = Math.min(C, counted);
            Tensor rows = parts.V().narrow(0, 0, count); // [count, d_in]
            Tensor means = rows.matmul(all.mean(0)); // [count]
            Tensor signs = means.lt(0).to(Type.DOUBLE).mul(-2).add(1).unsqueeze(1);
            Tensor reads = rows.mul(signs);
            Tensor writes = reads.matmul(W.to(Type.DOUBLE).t());
            long left = C - count;
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
