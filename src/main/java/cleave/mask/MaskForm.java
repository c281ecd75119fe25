package cleave.mask;

import cleave.tensor.Tensor;

/// The masks of one site's subcomponents in terms that a kernel knows; `Given` says any other.
public sealed interface MaskForm {

    /// Sources r of one site's masks.
    interface Sources {
        /// Those of one sequence, `[T, C]` in row-major order.
        void row(int sequence, float[] into);

        /// All of them, `[B, T, C]`.
        Tensor tensor();
    }

    /// The importance g.
    record Importance() implements MaskForm {}

    /// `g + (1 - g) r`.
    record Between(Sources r) implements MaskForm {}

    /// 1 where `r < g`, else 0, with the gradient of g.
    record Below(Sources r) implements MaskForm {}

    /// The same masks `[C]` at every position, without a gradient.
    record Everywhere(double[] u) implements MaskForm {}

    /// The same masks `[C]` at every position, whose gradient is that of each sequence's largest
    /// importance where they are below 1.
    record Used(double[] u) implements MaskForm {}

    /// Masks `[B, T, C]`, with a graph where they have a gradient.
    record Given(Tensor mask) implements MaskForm {}
}
