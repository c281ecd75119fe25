package cleave.subcomponent;

import cleave.model.Site;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import org.jspecify.annotations.Nullable;

/// The rank-one subcomponents of one site: `W ~ R + (V U)^T` (spec S1, C2).
///
/// @param site the site
/// @param kept W `[d_out, d_in]`, the target's weight, in the type that it is kept in
/// @param V `[d_in, C]` what each subcomponent reads
/// @param U `[C, d_out]` what each subcomponent writes
/// @param remainder R `[d_out, d_in]`, the frozen sum of merged subcomponents; null when none was
public record Subcomponents(
        Site site, Tensor kept, Tensor V, Tensor U, @Nullable Tensor remainder) {

    /// A site of which nothing was merged.
    public Subcomponents(Site site, Tensor kept, Tensor V, Tensor U) {
        this(site, kept, V, U, null);
    }

    /// How U and V start (spec S3).
    public enum Start {
        /// Random unit vectors, each subcomponent scaled by its overlap with W.
        ALIGNED,
        /// Independent normals with deviation `1 / sqrt(rows)`.
        KAIMING,
        /// Each subcomponent does for one of the site's own inputs what W does, and little for
        /// others: [InputStart].
        INPUTS,
        /// Each subcomponent reads one singular direction of the site's inputs on a few examples,
        /// and writes what W makes of it: [DirectionStart].
        DIRECTIONS,
        /// Each subcomponent reads one singular direction of the weight, and writes what the weight
        /// makes of it: [SingularStart].
        SINGULAR;

        /// Whether subcomponents begin at inputs of their site.
        public boolean readsInputs() {
            return this == INPUTS || this == DIRECTIONS;
        }
    }

    /// A fresh V `[d_in, C]` and U `[C, d_out]`.
    public record Initial(Tensor V, Tensor U) {}

    /// Draws V and U for a site with weight `W [d_out, d_in]`.
    ///
    /// @param start `ALIGNED` or `KAIMING`, which are random
    /// @throws IllegalArgumentException for any other
    public static Initial initial(Site site, Tensor W, int C, Start start, long seed) {
        if (start != Start.ALIGNED && start != Start.KAIMING) {
            throw new IllegalArgumentException("start must be a random one here, got " + start);
        }
        Draws.Key key = Draws.key(seed, Draws.Purpose.INITIALISATION).with(site.name());
        double readScale = start == Start.KAIMING ? 1 / Math.sqrt((double) site.dIn()) : 1;
        double writeScale = start == Start.KAIMING ? 1 / Math.sqrt(C) : 1;
        Tensor V = key.with("V").normal(readScale, Tensors.type(W), site.dIn(), C);
        Tensor U = key.with("U").normal(writeScale, Tensors.type(W), C, site.dOut());
        if (start == Start.KAIMING) {
            return new Initial(V, U);
        }
        Tensor reads = Scopes.keep(() -> V.div(V.mul(V).sum(new long[] {0}, true).sqrt()));
        Tensor writes =
                Scopes.keep(() -> {
                    Tensor unit = U.div(U.mul(U).sum(new long[] {1}, true).sqrt());
                    // overlap_c = sum_io V[i, c] U[c, o] W[o, i]
                    Tensor read = W.matmul(reads).t(); // [C, d_out]
                    return unit.mul(unit.mul(read).sum(new long[] {1}, true));
                });
        return new Initial(reads, writes);
    }

    /// The number of subcomponents C.
    public long count() {
        return U.size(0);
    }

    /// W `[d_out, d_in]`, the target's weight, in the type of V and U.
    public Tensor W() {
        return kept.to(Tensors.type(V));
    }

    /// The weight delta `W - R - (V U)^T` `[d_out, d_in]`.
    public Tensor delta() {
        Tensor W = W();
        return (remainder == null ? W : W.sub(remainder)).sub(V.matmul(U).t());
    }

    /// The size of each subcomponent as a matrix, `|U_c| |V_c|`: `[C]`.
    public Tensor norms() {
        return Scopes.keep(() -> V.mul(V).sum(0).mul(U.mul(U).sum(1)).sqrt());
    }
}
