package cleave.engine;

import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import org.jspecify.annotations.Nullable;

/// The MLPs of one site (spec G4) whose input is wide: large products by libtorch, what lies
/// between them by `WideKernel`, and a way back that adds each product straight to the parameter's
/// gradient.
///
/// Libtorch's own graph would make each gradient as a tensor of its own first, as large as the
/// parameters, and add it afterwards; at a language model's width that costs as much as the
/// product. Hidden layers stand above each other, positions side by side: OpenBLAS multiplies a few
/// positions by a large matrix a third faster so than the other way around. Some layers are taken
/// at a time, as many as a core's own cache holds. What is kept until the way back is the hidden
/// layers before bias and GELU.
final class WideMlps implements GatePass {
    private static final int NUMBERS = 150_000; // of hidden layers at a time, in a core's cache
    private static final int LEAST = 192; // hidden numbers at a time, else products are too narrow

    private final Products products;
    private final Gate gate;
    private final Tensor z; // [N, d], without graph
    private final @Nullable HeadPass head; // that wrote the first columns of z
    private final int C;
    private final int hidden;
    private final Tensor before; // [C hidden, N]
    private final Tensor preactivation; // [B, T, C]

    private WideMlps(
            Products products, Gate gate, Tensor z, @Nullable HeadPass head, long[] shape) {
        this.products = products;
        this.gate = gate;
        this.z = z;
        this.head = head;
        C = Math.toIntExact(gate.get("output").size(0));
        hidden = Math.toIntExact(gate.get("output").size(1));
        before = Tensors.empty(Type.FLOAT, (long) C * hidden, z.size(0));
        preactivation =
                Scopes.withoutGradient(
                        () -> Scopes.keep(() -> forward().view(shape[0], shape[1], C)));
    }

    /// The pass on `z = seen` or `z = seen (+) own`.
    ///
    /// @param head what sees; null when only `own` is read
    /// @param z `[B, T, d]` without graph
    static WideMlps open(Products products, Gate gate, @Nullable HeadPass head, Tensor z) {
        long[] shape = z.shape();
        return new WideMlps(products, gate, z.reshape(-1, shape[2]).contiguous(), head, shape);
    }

    /// Work on some subcomponents, `count` from `first` on.
    @FunctionalInterface
    private interface OnSome {
        void run(int first, int count);
    }

    private void each(int positions, OnSome work) {
        int rows = Math.max(LEAST, NUMBERS / Math.max(1, positions));
        int most = Math.max(1, rows / hidden);
        for (int first = 0; first < C; first += most) {
            int from = first;
            int count = Math.min(most, C - first);
            Scopes.run(() -> work.run(from, count));
        }
    }

    private Tensor some(Tensor hiddens, int axis, int first, int count) {
        return hiddens.narrow(axis, (long) first * hidden, (long) count * hidden);
    }

    private WideKernel kernel(int positions) {
        return new WideKernel(
                positions,
                hidden,
                Kernels.address(gate.get("hidden_bias")),
                Kernels.address(gate.get("output")));
    }

    /// The pre-activations `[N, C]`.
    private Tensor forward() {
        int positions = Math.toIntExact(z.size(0));
        Tensor across = products.rounded(z).t(); // [d, N]
        Tensor first = gate.get("hidden").detach();
        Tensor y = Tensors.empty(Type.FLOAT, C, positions);
        WideKernel kernel = kernel(positions);
        long outputBias = Kernels.address(gate.get("output_bias"));
        each(
                positions,
                (from, count) -> {
                    Tensor x = some(before, 0, from, count);
                    // Rounded here, not once a step: the copy would be half as large as the gates.
                    Tensor operand = products.rounded(some(first, 1, from, count));
                    products.productTo(x, operand.t(), across);
                    kernel.forward(from, count, Kernels.address(x), outputBias, Kernels.address(y));
                });
        return y.t().contiguous();
    }

    @Override
    public Tensor preactivation() {
        return preactivation;
    }

    @Override
    public void backward(Tensor gradient) {
        Scopes.run(() -> {
            Tensor toSeen =
                    Scopes.withoutGradient(() -> parameters(gradient.reshape(-1, C).contiguous()));
            if (head != null) {
                head.backward(toSeen.view(head.seen().shape()));
            }
        });
    }

    /// Adds the gradients of the MLPs' parameters. Where only the last position enters the loss, a
    /// gradient is zero everywhere else: those positions are left out.
    ///
    /// @param gradient `[N, C]`, contiguous
    /// @return the gradient of what was seen `[N, h]`
    private Tensor parameters(Tensor gradient) {
        gate.get("output_bias").grad().add_(gradient.sum(0));
        long[] rows = Kernels.rowsWithNonzero(gradient);
        if (rows.length == z.size(0)) {
            return parameters(z, before, gradient);
        }
        if (rows.length == 0) {
            return z.new_zeros(new long[] {z.size(0), seenWidth()});
        }
        Tensor used = Tensors.of(rows, rows.length);
        Tensor some =
                parameters(
                        z.index_select(0, used),
                        before.index_select(1, used),
                        gradient.index_select(0, used));
        return z.new_zeros(new long[] {z.size(0), some.size(1)}).index_copy_(0, used, some);
    }

    private long seenWidth() {
        return head == null ? 0 : head.seen().size(2);
    }

    /// The gradients of some positions.
    ///
    /// @param before becomes its own gradient
    private Tensor parameters(Tensor z, Tensor before, Tensor gradient) {
        int positions = Math.toIntExact(z.size(0));
        Tensor across = products.rounded(z).t(); // [d, N]
        Tensor dy = gradient.t().contiguous(); // [C, N]
        Tensor first = gate.get("hidden");
        Tensor toFirst = first.grad();
        WideKernel kernel = kernel(positions);
        long toBias = Kernels.address(gate.get("hidden_bias").grad());
        long toOutput = Kernels.address(gate.get("output").grad());
        each(
                positions,
                (from, count) -> {
                    Tensor x = some(before, 0, from, count);
                    kernel.backward(
                            from, count, Kernels.address(x), Kernels.address(dy), toBias, toOutput);
                    products.add(some(toFirst, 1, from, count), across, x.t());
                });
        long seen = seenWidth();
        return seen == 0
                ? z.new_zeros(new long[] {z.size(0), 0})
                : products.product(before.t(), first.detach().narrow(0, 0, seen).t());
    }
}
