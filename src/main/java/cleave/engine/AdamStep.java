package cleave.engine;

/// What one update of Adam multiplies with (spec T2).
///
/// @param gradientScale what clipping leaves of the gradient, at most 1
/// @param beta1 share of the first moment that stays
/// @param beta2 share of the second moment that stays
/// @param step learning rate over the first moment's bias, `rate / (1 - beta1^t)`
/// @param root `1 / sqrt(1 - beta2^t)`
/// @param epsilon added to the root of the second moment
/// @param keep what weight decay leaves of a parameter, `1 - rate * decay`
public record AdamStep(
        double gradientScale,
        double beta1,
        double beta2,
        double step,
        double root,
        double epsilon,
        double keep) {}
