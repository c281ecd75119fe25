package cleave.engine;

import cleave.tensor.Tensor;
import cleave.tensor.Tensors;

/// Attention of one head, in the operations that cost least: libtorch multiplies a batch of small
/// matrices one by one, so scale and mask go into the product, and a single query takes none.
public final class Attention {
    private Attention() {}

    /// What a head gives.
    ///
    /// @param pattern `[B, Q, T]`
    /// @param mixed what queries read, `[B, Q, d]`
    public record Head(Tensor pattern, Tensor mixed) {}

    /// A head.
    ///
    /// @param q `[B, Q, d]`
    /// @param k `[B, T, d]`
    /// @param v `[B, T, d]`
    /// @param hidden what `CausalMask` adds, `[T, T]` or `[B, Q, T]`
    static Head of(Tensor q, Tensor k, Tensor v, Tensor hidden) {
        Tensor pattern = pattern(q, k, hidden);
        return new Head(pattern, mixed(pattern, v));
    }

    /// The pattern `softmax(q k^T / sqrt(d) + hidden)` `[B, Q, T]`.
    ///
    /// @param q `[B, Q, d]`
    /// @param k `[B, T, d]`
    /// @param hidden what `CausalMask` adds, `[T, T]` or `[B, Q, T]`
    private static Tensor pattern(Tensor q, Tensor k, Tensor hidden) {
        double scale = 1 / Math.sqrt(q.size(2));
        Tensor scores =
                q.size(1) == 1
                        ? hidden.add(q.mul(k).sum(2).unsqueeze(1), scale)
                        : Tensors.baddbmm(hidden, q, k.transpose(1, 2), 1, scale);
        return Tensors.softmax(scores);
    }

    /// What queries read under a pattern `[B, Q, T]` of values `[B, T, d]`: `[B, Q, d]`.
    private static Tensor mixed(Tensor pattern, Tensor v) {
        return pattern.size(1) == 1
                ? pattern.transpose(1, 2).mul(v).sum(new long[] {1}, true)
                : pattern.matmul(v);
    }
}
