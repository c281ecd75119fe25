package cleave.loss;

import cleave.model.Target.Outputs;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import org.jspecify.annotations.Nullable;

/// The distance of outputs from the target's on the same inputs (spec L1).
///
/// @param outputs what outputs mean
/// @param reference log probabilities, or plain values, of the target `[B, P, d_output]`
/// @param probabilities of the target `[B, P, d_output]`; null for plain values
/// @param counted `[B, P]`, false where a loss position does not count; null when all do
public record Divergence(
        Outputs outputs,
        Tensor reference,
        @Nullable Tensor probabilities,
        @Nullable Tensor counted) {

    /// Distances from these target outputs `[B, P, d_output]`.
    public static Divergence from(Outputs outputs, Tensor target, @Nullable Tensor counted) {
        return switch (outputs) {
            case LOGITS -> {
                Tensor logarithms = Tensors.logSoftmax(target);
                yield new Divergence(outputs, logarithms, logarithms.exp(), counted);
            }
            case VALUES -> new Divergence(outputs, target, null, counted);
        };
    }

    /// The distance at each loss position `[B, P]`, zero where it does not count.
    ///
    /// @param other outputs of a masked pass `[B, P, d_output]`
    public Tensor at(Tensor other) {
        return Scopes.keep(() -> {
            Tensor each = probabilities == null ? squared(other) : kl(probabilities, other);
            return counted == null ? each : each.masked_fill(counted.logical_not(), 0);
        });
    }

    /// The sum of `at` over loss positions.
    public Tensor sum(Tensor other) {
        return Scopes.keep(() -> at(other).sum());
    }

    private Tensor kl(Tensor p, Tensor other) {
        // Where p underflows to 0 its logarithm may be -inf; the term is 0 there.
        Tensor gap = reference.sub(Tensors.logSoftmax(other));
        Tensor terms = Tensors.where(p.gt(0), p.mul(gap), p.new_zeros(new long[0]));
        return terms.sum(-1);
    }

    private Tensor squared(Tensor other) {
        Tensor gap = other.sub(reference);
        return gap.mul(gap).mean(-1);
    }
}
