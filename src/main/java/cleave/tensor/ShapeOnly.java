package cleave.tensor;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/// Operations on shapes without numbers in the place of those that this libtorch has no such kernel
/// for, in themselves or on their way back: each gives a result of the same shape and type, keeps
/// what the other would keep for the way back, and takes no product of matrices.
final class ShapeOnly {
    private ShapeOnly() {}

    /// Whether a tensor has no numbers.
    static boolean is(Tensor tensor) {
        return tensor.is_meta();
    }

    /// For a function of each number that keeps its argument: `abs`, `relu`, `clamp` and the like.
    static Tensor ofEach(Tensor x) {
        return x.requires_grad() && Gradients.recording() ? x.mul(x.detach()) : x.mul(x);
    }

    /// For a function of two numbers each that keeps both: `maximum` and the like.
    static Tensor ofBoth(Tensor first, Tensor second) {
        return first.mul(second);
    }

    /// For a choice between two by booleans, which are kept.
    static Tensor chosen(Tensor choice, Tensor first, Tensor second) {
        return first.add(second).mul(choice);
    }

    /// For booleans from booleans, or from numbers: `logical_not`, `isfinite`.
    static Tensor booleans(Tensor x) {
        return x.eq(new Scalar(0));
    }

    /// For booleans from two, `logical_and` and `logical_or`.
    static Tensor booleans(Tensor first, Tensor second) {
        return first.eq(second);
    }

    /// For a norm over the last axis, which keeps its argument and two numbers for each row; here
    /// the two are not kept.
    static Tensor normed(Tensor x, Tensor weight, Tensor bias) {
        return x.mul(weight).add(bias);
    }
}
