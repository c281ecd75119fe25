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
/// @param counted `[B, P]`, false where a loss position does not count; null when all do
public record Divergence(Outputs outputs, Tensor reference, @Nullable Tensor counted) {
    private static final long NUMBERS = 1 << 19; // of outputs at a time

    /// Distances from these target outputs `[B, P, d_output]`.
    public static Divergence from(Outputs outputs, Tensor target, @Nullable Tensor counted) {
        return switch (outputs) {
            case LOGITS -> new Divergence(outputs, Tensors.logSoftmax(target), counted);
            case VALUES -> new Divergence(outputs, target, counted);
        };
    }

    /// The same from a target's outputs that nobody else reads any more: where there are many,
    /// their memory takes the log probabilities.
    public static Divergence taking(Outputs outputs, Tensor target, @Nullable Tensor counted) {
        if (outputs == Outputs.VALUES || target.numel() <= NUMBERS || !target.is_contiguous()) {
            return from(outputs, target, counted);
        }
        Tensor rows = target.view(-1, target.size(2));
        long most = Math.max(1, NUMBERS / rows.size(1));
        for (long from = 0; from < rows.size(0); from += most) {
            Tensor some = rows.narrow(0, from, Math.min(most, rows.size(0) - from));
            Scopes.run(() -> {
                some.copy_(Tensors.logSoftmax(some));
            });
        }
        return new Divergence(outputs, target, counted);
    }

    /// The distance at each loss position `[B, P]`, zero where it does not count.
    ///
    /// @param other outputs of a masked pass `[B, P, d_output]`
    public Tensor at(Tensor other) {
        return Scopes.keep(() -> {
            return counted(outputs == Outputs.VALUES ? squared(other) : kl(other));
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
    /// the same. Some positions are taken at a time, so that what lies between stays in a core's
    /// own cache.
    ///
    /// @param other outputs of a masked pass `[B, P, d_output]`, without a graph
    public Differentiated differentiated(Tensor other, double scale) {
        return differentiated(other, scale, false);
    }

    /// The same from outputs that nobody else reads any more: where there are many, their memory
    /// takes the gradient.
    ///
    /// @param other outputs of a masked pass `[B, P, d_output]`, without a graph
    public Differentiated taking(Tensor other, double scale) {
        return differentiated(other, scale, true);
    }

    private Differentiated differentiated(Tensor other, double scale, boolean taken) {
        long positions = other.size(0) * other.size(1);
        long most = Math.max(1, NUMBERS / other.size(2));
        if (positions <= most) {
            return atOnce(other, scale);
        }
        Divergence rows =
                new Divergence(
                        outputs, rows(reference), counted == null ? null : counted.reshape(1, -1));
        Tensor others = rows(other);
        Tensor gradient = taken ? others : Tensors.emptyLike(others);
        double value = 0;
        for (long from = 0; from < positions; from += most) {
            long first = from;
            long count = Math.min(most, positions - from);
            value +=
                    Scopes.run(() -> {
                        Differentiated some =
                                rows.narrow(first, count)
                                        .atOnce(others.narrow(1, first, count), scale);
                        gradient.narrow(1, first, count).copy_(some.ofOutputs());
                        return some.value();
                    });
        }
        return new Differentiated(value, gradient.view(other.shape()));
    }

    /// All positions in one row, `[1, B P, d_output]`.
    private static Tensor rows(Tensor outputs) {
        return outputs.reshape(1, -1, outputs.size(2));
    }

    private Divergence narrow(long first, long count) {
        return new Divergence(
                outputs,
                reference.narrow(1, first, count),
                counted == null ? null : counted.narrow(1, first, count));
    }

    private Differentiated atOnce(Tensor other, double scale) {
        Tensor gradient;
        double value;
        if (outputs == Outputs.VALUES) {
            Tensor gap = other.sub(reference);
            value = Tensors.number(counted(gap.mul(gap).mean(-1)).sum());
            gradient = gap.mul_(2 * scale / gap.size(2));
        } else {
            Tensor p = reference.exp();
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

    private Tensor kl(Tensor other) {
        return terms(reference.exp(), reference.sub(Tensors.logSoftmax(other))).sum(-1);
    }

    private Tensor squared(Tensor other) {
        Tensor gap = other.sub(reference);
        return gap.mul(gap).mean(-1);
    }
}
