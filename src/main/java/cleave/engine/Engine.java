package cleave.engine;

import cleave.tensor.Device;
import cleave.tensor.Tensor;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// The operations of a training step that can be computed in more than one way.
///
/// Both engines give the same numbers to rounding. Passes come with their own way back, which adds
/// gradients to those of leaves; the leaves must have one to be added to.
public sealed interface Engine permits Libtorch, Fused {

    /// What the engine is called, with the width of its vectors where it has some.
    String name();

    /// How large products are multiplied.
    Products products();

    /// Where the tensors are that it computes with.
    Device device();

    /// A narrow site in all passes of one slice, `((x V) * m) U`, by a kernel.
    ///
    /// @param V `[d_in, C]`, a leaf that has a gradient
    /// @param U `[C, d_out]`, likewise
    /// @param lower the lower importances `[B, T, C]`, a leaf
    /// @param valid `[B, T]`; null when all positions are valid
    /// @return null where the site's passes go through libtorch's graph
    @Nullable SliceSite narrowSite(Tensor V, Tensor U, Tensor lower, @Nullable Tensor valid);

    /// What the attention head of a site's gates reads (spec G4).
    ///
    /// @param gate has `query`, `key` and `value` `[d, h]`, `relative` and `absolute`
    /// @param activation `[B, T, d]` without graph
    /// @param causal whether a position sees earlier ones only
    /// @param valid `[B, T]`; null when all positions are valid
    HeadPass head(Gate gate, Tensor activation, boolean causal, @Nullable Tensor valid);

    /// A site's gates with one MLP per subcomponent, on what a head saw, on the site's own input,
    /// or on both side by side (spec G4).
    ///
    /// @param gate has `hidden [d, C hidden]`, `hidden_bias`, `output [C, hidden]` and
    ///   `output_bias`
    /// @param head null when only `own` is read
    /// @param own `[B, T, d_in]` without graph; null when only what is seen is read
    GatePass mlps(Gate gate, @Nullable HeadPass head, @Nullable Tensor own);

    /// A site's gates with one MLP per subcomponent on its inner activation (spec G5, `mlp`).
    ///
    /// @param gate has `hidden`, `hidden_bias` and `output`, `[C, hidden]` each, and `output_bias`
    /// @param inner `a V [B, T, C]` with its graph
    GatePass scalarMlps(Gate gate, Tensor inner);

    /// How many numbers `mlps` keeps per position until the way back, about.
    ///
    /// @param width of what one MLP reads
    long keptByMlps(long width, long C, long hidden);

    /// The same of `scalarMlps`.
    long keptByScalarMlps(long C, long hidden);

    /// Both squashings of pre-activations (spec G2, G3).
    ///
    /// @param x `[...]`
    /// @param plain whether the lower one leaks below zero
    Sigmoids sigmoids(Tensor x, boolean plain);

    /// The way back through both, by their own rule.
    ///
    /// @param ofLower incoming gradient of the lower importance
    /// @param ofUpper incoming gradient of the upper importance
    /// @param gated whether below zero only gradients that raise the importance leak
    /// @return the gradient of x
    Tensor throughSigmoids(Tensor x, Tensor ofLower, Tensor ofUpper, boolean gated);

    /// Both squashings of pre-activations.
    ///
    /// @param lower at most 1
    /// @param upper at least 0
    record Sigmoids(Tensor lower, Tensor upper) {}

    /// How a power of an importance g costs: `(g + epsilon)^p`, less what an importance of zero
    /// would where that is free (spec L4).
    record Power(double p, double epsilon, boolean zeroIsFree) {}

    /// The costs of each subcomponent, summed over valid positions: `[C]`.
    ///
    /// @param upper `[B, T, C]`
    /// @param valid `[B, T]`; null when all positions are valid
    Tensor powers(Power power, Tensor upper, @Nullable Tensor valid);

    /// `sum_c weights_c powers_c`; adds its gradient times `scale`.
    ///
    /// @param gradient of the upper importances `[B, T, C]`
    double powers(
            Power power,
            Tensor upper,
            @Nullable Tensor valid,
            double[] weights,
            Tensor gradient,
            double scale);

    /// The largest importance of each sequence at a valid position, `[B, C]`.
    ///
    /// @param importances `[B, T, C]`
    Tensor peaks(Tensor importances, @Nullable Tensor valid);

    /// `sum_c weights_c sum over sequences of peaks_c`; adds its gradient times `scale`, which
    /// positions that share a peak share evenly (spec L6).
    ///
    /// @param gradient of the upper importances `[B, T, C]`
    double peaks(
            Tensor upper, @Nullable Tensor valid, double[] weights, Tensor gradient, double scale);

    /// One head of the model's attention that is to be differentiated.
    ///
    /// @param q `[B, Q, d]`
    /// @param k `[B, T, d]`
    /// @param v `[B, T, d]`
    /// @param places `[B, Q]` the positions of the queries; null when they are all T
    /// @param causal whether what comes after a query is all that is hidden from it
    /// @param hidden what is added to the scores to hide keys, `[T, T]` or `[B, Q, T]`
    Attention.Head attention(
            Tensor q,
            Tensor k,
            Tensor v,
            @Nullable Tensor places,
            boolean causal,
            Supplier<Tensor> hidden);

    /// Adds the gradients of other workers to the first one's on a stretch of flat tensors, and
    /// leaves zeros there.
    ///
    /// @return the sum of the squares of the sums
    double addUp(Tensor gradient, List<Tensor> others, long from, long count);

    /// Updates parameters and moments on a stretch of flat tensors by Adam, and leaves zeros at the
    /// gradient (spec T2).
    void adam(AdamStep step, AdamTensors on, long from, long count);

    /// What Adam works on, flat tensors of one length.
    record AdamTensors(Tensor values, Tensor gradient, Tensor first, Tensor second) {}
}
