package cleave.engine;

import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import org.jspecify.annotations.Nullable;

/// The MLPs of one site (spec G4) in float32 without libtorch's graph: by `MlpKernel`, which
/// computes the hidden layer again on the way back.
final class FusedMlps implements GatePass {
    private final Gate gate;
    private final Tensor z; // [N, d], without graph
    private final @Nullable HeadPass head; // that wrote the first columns of z
    private final int C;
    private final Tensor preactivation; // [B, T, C]

    private FusedMlps(Gate gate, Tensor z, @Nullable HeadPass head, long[] shape) {
        this.gate = gate;
        this.z = z;
        this.head = head;
        C = Math.toIntExact(gate.get("output").size(0));
        preactivation = Tensors.empty(Type.FLOAT, shape[0], shape[1], C);
        Scopes.run(() -> Scopes.withoutGradient(this::forward));
    }

    /// The pass on `z = seen` or `z = seen (+) own`.
    ///
    /// @param head what sees; null when only the site's own input is read
    /// @param z `[B, T, d]` without graph
    static FusedMlps open(Gate gate, @Nullable HeadPass head, Tensor z) {
        long[] shape = z.shape();
        Tensor flat = z.reshape(-1, shape[2]).contiguous();
        return new FusedMlps(gate, flat, head, shape);
    }

    @Override
    public Tensor preactivation() {
        return preactivation;
    }

    private boolean forward() {
        MlpKernel kernel = kernel();
        int count = Math.toIntExact(z.size(0));
        kernel.forward(rows(z, kernel.stride(), count), count, Kernels.address(preactivation));
        return true;
    }

    private MlpKernel kernel() {
        return new MlpKernel(
                Tensors.toFloats(gate.get("hidden")),
                Tensors.toFloats(gate.get("hidden_bias")),
                Tensors.toFloats(gate.get("output")),
                Tensors.toFloats(gate.get("output_bias")));
    }

    @Override
    public void backward(Tensor gradient) {
        Scopes.run(() -> {
            Tensor toSeen =
                    Scopes.withoutGradient(() -> parameters(gradient.view(-1, C).contiguous()));
            if (head != null) {
                head.backward(toSeen.view(head.seen().shape()));
            }
        });
    }

    /// The gradients of the MLPs' parameters. Where only the last position enters the loss, a query
    /// matters there alone: positions without a gradient are left out.
    ///
    /// @param gradient `[N, C]`, contiguous
    /// @return the gradient of what was seen `[N, h]`
    private Tensor parameters(Tensor gradient) {
        gate.get("output_bias").grad().add_(gradient.sum(0));
        long[] rows = Kernels.rowsWithNonzero(gradient);
        if (rows.length == z.size(0)) {
            return parameters(z, gradient);
        }
        if (rows.length == 0) {
            return z.new_zeros(new long[] {z.size(0), seenWidth()});
        }
        Tensor used = Tensors.of(rows, rows.length);
        Tensor some = parameters(z.index_select(0, used), gradient.index_select(0, used));
        return z.new_zeros(new long[] {z.size(0), some.size(1)}).index_copy_(0, used, some);
    }

    private long seenWidth() {
        return head == null ? 0 : head.seen().size(2);
    }

    private Tensor parameters(Tensor z, Tensor gradient) {
        MlpKernel kernel = kernel();
        int count = Math.toIntExact(z.size(0));
        int width = Math.toIntExact(seenWidth());
        MlpKernel.Gradients gradients =
                kernel.backward(
                        rows(z, kernel.stride(), count + 1),
                        count,
                        width,
                        Kernels.address(gradient));
        add(gradients.weight(), "hidden");
        add(gradients.bias(), "hidden_bias");
        add(gradients.output(), "output");
        return toSeen(gradients.z(), kernel.stride(), count, width);
    }

    /// The rows of z, each filled up to a stride with zeros, and rows of zeros after them.
    private static float[] rows(Tensor z, int stride, int count) {
        int width = Math.toIntExact(z.size(1));
        float[] rows = new float[count * stride];
        int filled = Math.toIntExact(z.size(0));
        long address = Kernels.address(z);
        for (int row = 0; row < filled; row++) {
            Lanes.read(address + Lanes.bytes((long) row * width), rows, row * stride, width);
        }
        return rows;
    }

    /// The first columns of the rows of the gradient of z.
    private static Tensor toSeen(float[] rows, int stride, int count, int width) {
        Tensor toSeen = Tensors.empty(Type.FLOAT, count, width);
        long address = width == 0 ? 0 : Kernels.address(toSeen); // nothing has no address
        for (int row = 0; width > 0 && row < count; row++) {
            Lanes.write(rows, row * stride, width, address + Lanes.bytes((long) row * width));
        }
        return toSeen;
    }

    private void add(float[] gradient, String parameter) {
        Tensor leaf = gate.get(parameter);
        leaf.grad().add_(Tensors.of(gradient, Type.FLOAT, leaf.shape()));
    }
}
