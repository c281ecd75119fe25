package cleave.importance;

import cleave.engine.Engine;
import cleave.tensor.Tensor;

/// The two squashings of a pre-activation x to an importance (spec G2, G3; slope of the leaks
/// 0.01).
///
/// Backward rules are applied by hand: the sign-gated leak depends on the sign of the incoming
/// gradient, which no composition of differentiable functions expresses.
public final class LeakyHardSigmoid {
    /// The slope of the leaks.
    public static final double SLOPE = 0.01;

    private LeakyHardSigmoid() {}

    /// What the lower sigmoid does below zero.
    public enum Leak {
        /// Forward 0; backward the leak passes only gradients that raise the importance.
        SIGN_GATED,
        /// Forward 0; backward 0.01 for either sign, as in goodfire-ai/spd from July to October
        /// 2025.
        BOTH_SIGNS,
        /// Forward 0.01 x; backward 0.01 for either sign, as in the SPD paper. What is below 0 is a
        /// mask too, and minimality does not see it.
        PLAIN
    }

    /// The lower and the upper importance.
    static CausalImportance both(Engine engine, Tensor x, Leak leak) {
        Engine.Sigmoids both = engine.sigmoids(x, leak == Leak.PLAIN);
        return new CausalImportance(x, both.lower(), both.upper());
    }

    /// The gradient with respect to x.
    ///
    /// @param ofLower incoming gradient of the lower importance
    /// @param ofUpper incoming gradient of the upper importance
    public static Tensor backward(
            Engine engine, Tensor x, Tensor ofLower, Tensor ofUpper, Leak leak) {
        return engine.throughSigmoids(x, ofLower, ofUpper, leak == Leak.SIGN_GATED);
    }
}
