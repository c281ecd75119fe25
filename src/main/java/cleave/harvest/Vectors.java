package cleave.harvest;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.model.ModelSpec;
import cleave.model.Site;
import cleave.model.Target;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Which tokens' vectors a piece's own lie along: V against the token embeddings at sites that read
/// the residual stream, U against the unembedding at sites that write to it. Norms between them and
/// the stream are left out.
///
/// @param embedding name of the token embedding `[tokens, d]`
/// @param unembedding name of the head `[tokens, d]`
/// @param reads whether a site reads the stream
/// @param writes whether it writes to it
public record Vectors(
        String embedding, String unembedding, Predicate<Site> reads, Predicate<Site> writes) {
    /// Tokens listed at each end.
    private static final int LISTED = 10;

    /// A token and the cosine of its vector with the piece's.
    public record Cosine(int token, double cosine) {}

    /// The tokens whose vectors lie most along a piece's, and most against it.
    public record Ends(List<Cosine> along, List<Cosine> against) {}

    /// Those of a model; none where it is not known where its sites read and write.
    public static Optional<Vectors> of(ModelSpec model) {
        return model.streamEnds()
                .map(ends ->
                        new Vectors(
                                ends.embedding(), ends.unembedding(), ends.reads(), ends.writes()));
    }

    /// What each subcomponent of a site reads, by place; null where the site reads elsewhere.
    public @Nullable List<Ends> read(Decomposition decomposition, DecomposedSite site) {
        return reads.test(site.site())
                ? ends(decomposition, embedding, () -> decomposition.subcomponents(site).V().t())
                : null;
    }

    /// What each writes.
    public @Nullable List<Ends> written(Decomposition decomposition, DecomposedSite site) {
        return writes.test(site.site())
                ? ends(decomposition, unembedding, () -> decomposition.subcomponents(site).U())
                : null;
    }

    private static List<Ends> ends(
            Decomposition decomposition, String name, Supplier<Tensor> rows) {
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    Target target = decomposition.target();
                    Tensor tokens = unit(Tensors.named(name, target.weights()).to(target.type()));
                    Tensor cosines = unit(rows.get()).matmul(tokens.t()); // [C, tokens]
                    List<Ends> ends = new ArrayList<>();
                    for (int c = 0; c < cosines.size(0); c++) {
                        int place = c;
                        float[] row =
                                Scopes.run(() ->
                                        Tensors.toFloats(cosines.select(0, place).contiguous()));
                        ends.add(new Ends(first(row, 1), first(row, -1)));
                    }
                    return ends;
                }));
    }

    /// The tokens of the largest numbers times `sign`, in their order.
    public static List<Cosine> first(float[] row, int sign) {
        List<Cosine> found = new ArrayList<>();
        for (int token = 0; token < row.length; token++) {
            if (found.size() == LISTED && sign * row[token] <= sign * found.getLast().cosine()) {
                continue;
            }
            int at = found.size();
            while (at > 0 && sign * row[token] > sign * found.get(at - 1).cosine()) {
                at--;
            }
            found.add(at, new Cosine(token, row[token]));
            if (found.size() > LISTED) {
                found.removeLast();
            }
        }
        return List.copyOf(found);
    }

    private static Tensor unit(Tensor rows) {
        return rows.div(rows.square().sum(new long[] {1}, true).sqrt().clamp_min(1e-30));
    }
}
