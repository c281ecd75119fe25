package cleave.engine;

import cleave.tensor.Tensor;

/// Some parameters of gates by name: those of one site, or the ones that all sites share.
@FunctionalInterface
public interface Gate {
    /// The parameter of this name.
    Tensor get(String name);
}
