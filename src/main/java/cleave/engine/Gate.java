package cleave.engine;

import cleave.tensor.Tensor;

/// The parameters of one site's gates, by name.
@FunctionalInterface
public interface Gate {
    /// The parameter of this name.
    Tensor get(String name);
}
