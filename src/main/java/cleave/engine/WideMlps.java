package cleave.engine;

import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import org.jspecify.annotations.Nullable;

/// The MLPs of one site (spec G4) whose input is wide: large products by libtorch, and a way back
/// that adds each product straight to the parameter's gradient.
///
/// Libtorch's own graph would make each gradient as a tensor of its own first, as large as the
/// parameters, and add it afterwards; at a language model's width that costs as much as the
/// product. What is kept until the way back is the hidden layer before the GELU.
final class WideMlps implements GatePass {
    private final Products products;
    private final Gate gate;
    private final Tensor z; // [N, d], without graph
    private final @Nullable HeadPass head; // that wrote the first columns of z
    private final int C;
    private final int hidden;
    private final Tensor before; // [N, C hidden]
    private final Tensor preactivation; // [B, T, C]

    private WideMlps(
            Products products, Gate gate, Tensor z, @Nullable HeadPass head, long[] shape) {
        this.products = products;
        this.gate = gate;
        this.z = z;
        this.head = head;
        C = Math.toIntExact(gate.get("output").size(0));
        hidden = Math.toIntExact(gate.get("output").size(1));
        before = Scopes.withoutGradient(() -> Scopes.keep(this::before));
        preactivation =
                Scopes.withoutGradient(
                        () -> Scopes.keep(() -> output().view(shape[0], shape[1], C)));
    }

    /// The pass on `z = seen` or `z = seen (+) own`.
    ///
    /// @param head what sees; null when only `own` is read
    /// @param z `[B, T, d]` without graph
    static WideMlps open(Products products, Gate gate, @Nullable HeadPass head, Tensor z) {
        long[] shape = z.shape();
        return new WideMlps(products, gate, z.reshape(-1, shape[2]).contiguous(), head, shape);
    }

    private Tensor before() {
        return products == Products.EXACT
                ? Tensors.addmm(gate.get("hidden_bias"), z, gate.get("hidden"))
                : products.product(z, products.operand(gate.get("hidden")))
                        .add_(gate.get("hidden_bias"));
    }

    private Tensor output() {
        return layers(Tensors.gelu(before))
                .mul_(gate.get("output"))
                .sum(-1)
                .add_(gate.get("output_bias"));
    }

    private Tensor layers(Tensor flat) {
        return flat.view(-1, C, hidden);
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
                        before.index_select(0, used),
                        gradient.index_select(0, used));
        return z.new_zeros(new long[] {z.size(0), some.size(1)}).index_copy_(0, used, some);
    }

    private long seenWidth() {
        return head == null ? 0 : head.seen().size(2);
    }

    private Tensor parameters(Tensor z, Tensor before, Tensor gradient) {
        Tensor dy = gradient.unsqueeze(2); // [N, C, 1]
        Tensor output = gate.get("output");
        Tensor acts = layers(Tensors.gelu(before));
        output.grad().add_(acts.mul_(dy).sum(0));
        Tensor toActs = dy.mul(output).view(-1, (long) C * hidden);
        Tensor toBefore = Tensors.geluBackward(toActs, before);
        gate.get("hidden_bias").grad().add_(toBefore.sum(0));
        Tensor first = gate.get("hidden");
        products.add(first.grad(), z.t(), toBefore);
        long seen = seenWidth();
        return seen == 0
                ? z.new_zeros(new long[] {z.size(0), 0})
                : products.product(toBefore, products.operand(first).narrow(0, 0, seen).t());
    }
}
