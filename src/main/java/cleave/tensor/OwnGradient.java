package cleave.tensor;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.TensorTensorHook;
import org.jspecify.annotations.Nullable;

/// Operations with a way back of their own within libtorch's graph.
///
/// `autograd::Function` cannot be subclassed from Java. A hook on a gradient can do the same: it is
/// given the gradient of the result, and what it gives back is that of an operand.
public final class OwnGradient {
    /// In the place of an operand's number, where the gradient is caught at the result.
    private static final int RESULT = -1;

    private OwnGradient() {}

    /// The way back: from the gradient of the result to those of the operands, in their order, and
    /// to whatever else it leaves gradients at. Called once each time, on the thread and within the
    /// scope that differentiate.
    @FunctionalInterface
    public interface Back {
        /// The operands' gradients; those of operands without a graph are not looked at.
        List<Tensor> gradients(Tensor ofResult);
    }

    /// The result of an operation as part of its operands' graph; a leaf when they have none.
    ///
    /// A scope must be open, and stay so until the result has been differentiated: libtorch does
    /// not keep the hooks. It may be so again, in the same graph and by the same tensors. Until
    /// then nothing may change the operands or the result in place: to libtorch the result is a
    /// view of an operand.
    ///
    /// @param operands of at least one number each; one that is smaller than the result costs a sum
    ///   over the result's gradient
    /// @param result what was computed without a graph
    public static Tensor of(List<Tensor> operands, Tensor result, Back back) {
        Once once = new Once(back, result.shape());
        boolean captured = false; // whether the result's gradient is caught at the result
        Tensor carrier = null; // whose way back hands on the gradient as it is
        for (int i = 0; i < operands.size(); i++) {
            if (operands.get(i).requires_grad()) {
                int operand = i;
                Tensor own = operands.get(i).reshape(-1);
                boolean whole = own.numel() >= result.numel();
                // Of a small operand, libtorch hands on a sum, and the gradient itself comes first.
                captured |= !whole;
                own.raw()
                        .register_hook(
                                new Hook(gradient ->
                                        once.of(operand, whole ? first(gradient, result) : gradient)
                                                .get(operand)));
                Tensor part =
                        whole ? first(own, result) : own.narrow(0, 0, 1).expand(result.numel());
                carrier = carrier == null ? part : carrier.add(part);
            }
        }
        if (carrier == null) {
            Tensor leaf = result.detach();
            leaf.requires_grad_(true);
            leaf.raw()
                    .register_hook(
                            new Hook(gradient -> {
                                List<Tensor> _ = once.of(RESULT, gradient);
                                return gradient;
                            }));
            return leaf;
        }
        Tensor carried = carrier.view(result.shape());
        carried.raw().set_data(result.raw()); // other numbers, the same place in the graph
        if (captured) {
            carried.raw()
                    .register_hook(
                            new Hook(gradient -> {
                                List<Tensor> _ = once.of(RESULT, gradient);
                                return gradient;
                            }));
        }
        return carried;
    }

    /// The first numbers of a row, as many as `like` has.
    private static Tensor first(Tensor row, Tensor like) {
        return row.numel() == like.numel() ? row : row.narrow(0, 0, like.numel());
    }

    /// Goes back when the first operand's gradient is asked for, and anew when an operand asks a
    /// second time: then the graph is differentiated again.
    private static final class Once {
        private final Back back;
        private final long[] shape;
        private final Set<Integer> served = new HashSet<>();
        private @Nullable List<Tensor> gradients;

        Once(Back back, long[] shape) {
            this.back = back;
            this.shape = shape;
        }

        /// Rows of the operands' gradients.
        ///
        /// @param asking the number of the operand, or `RESULT`
        List<Tensor> of(int asking, Tensor ofResult) {
            if (!served.add(asking)) {
                gradients = null;
                served.clear();
                served.add(asking);
            }
            if (gradients == null) {
                gradients = new ArrayList<>();
                back.gradients(ofResult.view(shape)).forEach(one -> gradients.add(one.flatten()));
            }
            return gradients;
        }
    }

    private static final class Hook extends TensorTensorHook {
        private final UnaryOperator<Tensor> back;

        Hook(UnaryOperator<Tensor> back) {
            this.back = back;
        }

        @Override
        public TensorBase call(TensorBase gradient) {
            return back.apply(new Tensor(new org.bytedeco.pytorch.Tensor(gradient))).raw();
        }
    }
}
