package cleave.model;

import cleave.tensor.Tensor;
import cleave.tensor.Tensors;

/// The function between the two layers of an MLP, applied to each number alone.
public enum Activation {
    /// GELU with the tanh approximation, as in the published models of GPT-2.
    GELU_NEW,
    /// GELU with the normal distribution function.
    GELU,
    /// The positive part.
    RELU,
    /// `x sigmoid(x)`, also called swish.
    SILU;

    /// The function of every number of a tensor.
    public Tensor of(Tensor x) {
        return switch (this) {
            case GELU_NEW -> Tensors.geluTanh(x);
            case GELU -> Tensors.gelu(x);
            case RELU -> x.relu();
            case SILU -> Tensors.silu(x);
        };
    }
}
