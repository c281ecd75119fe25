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
            return counted(probabilities == null ? squared(other) : kl(probabilities, other));
        });
    }

    /// The sum of `at` over loss positions.
    public Tensor sum(Tensor other) {
        return Scopes.keep(() -> at(other).sum());
    }

    /// The sum of a divergence and its gradient.
    ///
    /// @param value the sum of `at` over loss positions
    /// @param ofOutputs its gradient with respect to the outputs, times a factor
    public record Differentiated(double value, Tensor ofOutputs) {}

    /// The sum and its gradient times `scale`, written out: for logits `softmax(other) - p` at each
    /// position that counts. Libtorch's graph would keep five tensors as large as the logits for
    /// the same, and pass over each of them.
    ///
    /// @param other outputs of a masked pass `[B, P, d_output]`, without a graph
    public Differentiated differentiated(Tensor other, double scale) {
        Tensor gradient;
        double value;
        Tensor p = probabilities;
        if (p == null) {
            Tensor gap = other.sub(reference);
            value = Tensors.number(counted(gap.mul(gap).mean(-1)).sum());
            gradient = gap.mul_(2 * scale / gap.size(2));
        } else {
            Tensor logarithms = Tensors.logSoftmax(other);
            Tensor gap = reference.sub(logarithms);
            value = Tensors.number(counted(terms(p, gap).sum(-1)).sum());
            gradient = logarithms.exp_().sub_(p).mul_(scale);
        }
        return new Differentiated(
                value,
                counted == null
                        ? gradient
                        : gradient.masked_fill_(counted.logical_not().unsqueeze(2), 0));
    }

    private Tensor counted(Tensor each) {
        return counted == null ? each : each.masked_fill(counted.logical_not(), 0);
    }

    /// `p gap`, and 0 where p is.
    private static Tensor terms(Tensor p, Tensor gap) {
        // Where p underflows to 0 its logarithm may be -inf; the term is 0 there.
        return Tensors.where(p.gt(0), p.mul(gap), p.new_zeros(new long[0]));
    }

    private Tensor kl(Tensor p, Tensor other) {
        return terms(p, reference.sub(Tensors.logSoftmax(other))).sum(-1);
    }

    private Tensor squared(Tensor other) {
        Tensor gap = other.sub(reference);
        return gap.mul(gap).mean(-1);
    }
}
