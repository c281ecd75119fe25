package cleave.importance;

import cleave.kernel.Kernels;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;

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

    /// The lower importance, at most 1: `[...]`.
    static Tensor lower(Tensor x, Leak leak) {
        return Scopes.keep(() ->
                switch (leak) {
                    case SIGN_GATED, BOTH_SIGNS -> clamp(x);
                    case PLAIN -> Tensors.where(x.le(0), x.mul(SLOPE), clamp(x));
                });
    }

    /// The upper importance, at least 0: `[...]`.
    static Tensor upper(Tensor x) {
        return Scopes.keep(() -> {
            Tensor above = x.sub(1).mul(SLOPE).add(1);
            return Tensors.where(x.gt(1), above, clamp(x));
        });
    }

    /// The lower and the upper importance.
    static CausalImportance both(Tensor x, Leak leak) {
        if (!Kernels.read(x)) {
            return new CausalImportance(x, lower(x, leak), upper(x));
        }
        Tensor lower = Tensors.emptyLike(x);
        Tensor upper = Tensors.emptyLike(x);
        SigmoidKernel.forward(
                Kernels.address(x),
                leak,
                Kernels.address(lower),
                Kernels.address(upper),
                x.numel());
        return new CausalImportance(x, lower, upper);
    }

    /// The gradient with respect to x.
    ///
    /// @param ofLower incoming gradient of the lower importance
    /// @param ofUpper incoming gradient of the upper importance
    public static Tensor backward(Tensor x, Tensor ofLower, Tensor ofUpper, Leak leak) {
        return Scopes.keep(() -> {
            if (Kernels.read(x)) {
                Tensor gradient = Tensors.emptyLike(x);
                SigmoidKernel.backward(
                        Kernels.address(x),
                        leak,
                        Kernels.address(ofLower.contiguous()),
                        Kernels.address(ofUpper.contiguous()),
                        Kernels.address(gradient),
                        x.numel());
                return gradient;
            }
            Tensor zero = x.new_zeros(new long[0]);
            Tensor below = x.le(0);
            Tensor above = x.gt(1);
            Tensor leaked =
                    switch (leak) {
                        case SIGN_GATED -> ofLower.clamp_max(0).mul(SLOPE);
                        case BOTH_SIGNS, PLAIN -> ofLower.mul(SLOPE);
                    };
            Tensor lower = Tensors.where(below, leaked, Tensors.where(above, zero, ofLower));
            Tensor upper =
                    Tensors.where(x.lt(0), zero, Tensors.where(above, ofUpper.mul(SLOPE), ofUpper));
            return lower.add(upper);
        });
    }

    private static Tensor clamp(Tensor x) {
        return x.clamp(0, 1);
    }
}
