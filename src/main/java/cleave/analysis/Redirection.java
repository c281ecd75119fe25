package cleave.analysis;

import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.model.ModelSpec;
import cleave.model.StreamEnds;
import cleave.model.Task;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Objects;

/// Points what a subcomponent writes at another token (spec A10).
///
/// A subcomponent of a site that writes to the residual stream writes `a_c U_c`, of which it is
/// only the direction that names tokens. In the place of `U_c` comes the token's row of the head,
/// less the mean of all rows, of the length of `U_c`, and turned so that it is written forwards
/// where the subcomponent's activation is largest: activations are as often below zero as above.
public final class Redirection {
    private static final int SLICE_ROWS = 16;

    private Redirection() {}

    /// What the subcomponent is to write, `[d_out]`, in the caller's scope.
    ///
    /// @param spec of the decomposition's target
    /// @param task sequences on which the activation is looked at
    /// @param sequences how many of them
    /// @throws UserError when the site does not write to the residual stream
    public static Tensor at(
            Decomposition decomposition,
            ModelSpec spec,
            SubcomponentId id,
            int token,
            Task task,
            int sequences) {
        DecomposedSite site = decomposition.site(id.site());
        StreamEnds ends =
                spec.streamEnds()
                        .filter(each -> each.writes().test(site.site()))
                        .orElseThrow(() ->
                                new UserError(
                                        "site of --replace must write to the residual stream, got %s"
                                                .formatted(id.site())));
        double sign = largest(decomposition, id, task, sequences) < 0 ? -1 : 1;
        return Objects.requireNonNull(
                Scopes.withoutGradient(() -> {
                    Tensor head =
                            Tensors.named(ends.unembedding(), decomposition.target().weights())
                                    .to(decomposition.target().type()); // [tokens, d]
                    Tensor mean = head.sum(new long[] {0}, false).div((double) head.size(0)); // [d]
                    Tensor direction = head.select(0, token).sub(mean);
                    double length =
                            Tensors.number(
                                    decomposition
                                            .subcomponents(site)
                                            .U()
                                            .select(0, id.index())
                                            .square()
                                            .sum()
                                            .sqrt());
                    return direction.mul(
                            sign * length / Tensors.number(direction.square().sum().sqrt()));
                }));
    }

    /// The activation `x V_c` that is farthest from zero.
    private static double largest(
            Decomposition decomposition, SubcomponentId id, Task task, int sequences) {
        DecomposedSite site = decomposition.site(id.site());
        double[] largest = new double[1];
        new Evaluation(decomposition.target(), task, sequences, SLICE_ROWS)
                .forEach(slice -> {
                    Tensor input =
                            Tensors.named(site.site().name(), slice.clean().inputs()); // [B, T, d]
                    Tensor V = decomposition.subcomponents(site).V().narrow(1, id.index(), 1);
                    Tensor a = input.matmul(V).squeeze(2); // [B, T]
                    Tensor valid = slice.batch().valid();
                    for (double each :
                            Tensors.toDoubles(
                                    valid == null ? a : a.masked_fill(valid.logical_not(), 0))) {
                        if (Math.abs(each) > Math.abs(largest[0])) {
                            largest[0] = each;
                        }
                    }
                });
        return largest[0];
    }
}
