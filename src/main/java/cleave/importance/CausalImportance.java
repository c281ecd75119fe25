package cleave.importance;

import cleave.engine.Engine;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.tensor.Tensor;

/// The causal importances of one site at every position.
///
/// @param preactivation `[B, T, C]`
/// @param lower `[B, T, C]` for masks and counts (spec G3)
/// @param upper `[B, T, C]` for minimality, frequency and usage (spec G2)
public record CausalImportance(Tensor preactivation, Tensor lower, Tensor upper) {

    /// Squashes a pre-activation that has no graph.
    public static CausalImportance of(Engine engine, Tensor preactivation, Leak leak) {
        return LeakyHardSigmoid.both(engine, preactivation, leak);
    }
}
