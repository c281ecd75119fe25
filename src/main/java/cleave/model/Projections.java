package cleave.model;

import cleave.tensor.Tensor;
import java.util.List;

/// The maps to queries, keys and values.
public sealed interface Projections {

    /// What they give.
    ///
    /// @param q `[B, Q, d]`
    /// @param k `[B, T, d]`
    /// @param v `[B, T, d]`
    record Mapped(Tensor q, Tensor k, Tensor v) {}

    /// Queries at the positions that leave the block, keys and values everywhere.
    ///
    /// @param coded `[B, T, d]` what queries and keys are made of
    /// @param plain `[B, T, d]` what values are made of
    Mapped of(Pass pass, Tensor coded, Tensor plain);

    /// Three stored matrices, or parts of one.
    record Split(Projection q, Projection k, Projection v) implements Projections {
        @Override
        public Mapped of(Pass pass, Tensor coded, Tensor plain) {
            return new Mapped(
                    q.of(pass, pass.atQueries(coded), pass.queries()),
                    k.of(pass, coded, null),
                    v.of(pass, plain, null));
        }

        private List<Projection> all() {
            return List.of(q, k, v);
        }
    }

    /// One stored matrix, a site as a whole and in its three parts; what queries and values are
    /// made of is the same.
    record Fused(Projection whole, Split parts) implements Projections {
        @Override
        public Mapped of(Pass pass, Tensor coded, Tensor plain) {
            boolean split = parts.all().stream().anyMatch(part -> pass.replaces(part.site()));
            if (pass.replaces(whole.site()) || (pass.queries() == null && !split)) {
                // Keys and values are needed everywhere, and so the whole map is.
                parts.all().forEach(part -> pass.note(part.site(), plain));
                Tensor all = whole.of(pass, plain, null);
                return new Mapped(
                        pass.atQueries(part(all, parts.q())),
                        part(all, parts.k()),
                        part(all, parts.v()));
            }
            pass.note(whole.site(), plain);
            return parts.of(pass, coded, plain);
        }

        private static Tensor part(Tensor all, Projection part) {
            return all.narrow(2, part.site().stored().firstOutput(), part.site().dOut());
        }
    }
}
