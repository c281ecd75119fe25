package cleave.tensor;

import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.TensorTensorHook;

/// Operations with a way back of their own within libtorch's graph.
///
/// `autograd::Function` cannot be subclassed from Java. A hook on a gradient can do the same: it is
/// given the gradient of the result and gives back that of the operand.
public final class OwnGradient {
    private OwnGradient() {}

    /// The result of an operation on `x` as part of x's graph; a leaf when x has none. The scope
    /// that is open must stay so until it is differentiated, since libtorch does not keep the hook.
    ///
    /// @param result what was computed without a graph, no larger than x
    /// @param back from the gradient of the result to that of x, and to whatever else it leaves its
    ///   gradients at; called once, on the thread and within the scope that differentiate. What it
    ///   gives for an x without graph is let go
    public static Tensor of(Tensor x, Tensor result, UnaryOperator<Tensor> back) {
        if (!x.requires_grad()) {
            Tensor leaf = result.detach();
            leaf.requires_grad_(true);
            leaf.register_hook(
                    new Hook(gradient -> {
                        Tensor _ = back.apply(gradient);
                        return gradient;
                    }));
            return leaf;
        }
        long[] shape = result.shape();
        Tensor own = x.flatten();
        Tensor shaped = first(own, shape);
        own.register_hook(new Hook(gradient -> back.apply(first(gradient, shape)).flatten()));
        Tensor copy = shaped.clone(); // whose way back hands on the gradient as it is
        copy.detach().copy_(result);
        return copy;
    }

    /// The first numbers of a row in another shape.
    private static Tensor first(Tensor row, long[] shape) {
        return row.narrow(0, 0, Tensors.count(shape)).view(shape);
    }

    private static final class Hook extends TensorTensorHook {
        private final UnaryOperator<Tensor> back;

        Hook(UnaryOperator<Tensor> back) {
            this.back = back;
        }

        @Override
        public TensorBase call(TensorBase gradient) {
            return back.apply(new Tensor(gradient));
        }
    }
}
