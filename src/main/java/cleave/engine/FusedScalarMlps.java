package cleave.engine;

import cleave.engine.GeluKernel.Tile;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;

/// The MLPs of one site on inner activations (spec G5, `mlp`) in float32 without libtorch's graph:
/// each hidden layer is a multiple of one number, and `GeluKernel` does what follows it. Hidden
/// layers are filled up with zeros to whole vectors.
final class FusedScalarMlps implements GatePass {
    private static final int NUMBERS = 1 << 16; // of a tile: a quarter of a mebibyte
    private static final int ROW = 1 << 11; // of them at most in one row, for the first cache

    private final Gate gate;
    private final Tensor inner; // [B, T, C] with its graph
    private final Tensor flat; // [N, C] without
    private final int C;
    private final int hidden; // in whole vectors
    private final Tensor preactivation; // [B, T, C]

    /// The pass on inner activations.
    ///
    /// @param inner `a V [B, T, C]` with its graph
    FusedScalarMlps(Gate gate, Tensor inner) {
        this.gate = gate;
        this.inner = inner;
        int given = Math.toIntExact(gate.get("output").size(1));
        hidden = Math.ceilDiv(given, Lanes.WIDTH) * Lanes.WIDTH;
        C = Math.toIntExact(inner.size(2));
        flat = inner.detach().reshape(-1, C).contiguous();
        preactivation = Tensors.empty(Type.FLOAT, inner.size(0), inner.size(1), C);
        Scopes.run(() -> Scopes.withoutGradient(this::forward));
    }

    @Override
    public Tensor preactivation() {
        return preactivation;
    }

    private boolean forward() {
        Tensor first = filled("hidden");
        float[] b = Tensors.toFloats(filled("hidden_bias"));
        float[] w = Tensors.toFloats(filled("output"));
        float[] o = Tensors.toFloats(gate.get("output_bias"));
        onTiles((tile, h, row) -> {
            fill(tile, h, row, first);
            long y = Kernels.address(preactivation, row * C);
            GeluKernel.forward(tile, Kernels.address(h), b, w, o, y);
        });
        return true;
    }

    /// A parameter `[C, D_gate]` as `[C, hidden]`.
    private Tensor filled(String parameter) {
        Tensor numbers = gate.get(parameter).detach();
        return Tensors.pad(numbers, new long[] {0, hidden - numbers.size(1)}, 0);
    }

    private interface OnTile {
        void run(Tile tile, Tensor h, long row);
    }

    /// Runs over some subcomponents in some rows at a time, with memory for their hidden layers
    /// `[rows, count, hidden]`.
    private void onTiles(OnTile work) {
        int all = Math.toIntExact(flat.size(0));
        int count = Math.min(C, Math.max(1, ROW / hidden));
        int rows = Math.min(all, Math.max(1, NUMBERS / (count * hidden)));
        Tensor memory = Tensors.empty(Type.FLOAT, (long) rows * count * hidden);
        for (int first = 0; first < C; first += count) {
            for (int row = 0; row < all; row += rows) {
                Tile tile =
                        new Tile(
                                Math.min(rows, all - row),
                                first,
                                Math.min(count, C - first),
                                C,
                                hidden);
                long start = row;
                Scopes.run(() -> work.run(tile, layers(memory, tile), start));
            }
        }
    }

    private static Tensor layers(Tensor memory, Tile tile) {
        long numbers = (long) tile.rows() * tile.count() * tile.hidden();
        return memory.narrow(0, 0, numbers).view(tile.rows(), tile.count(), tile.hidden());
    }

    /// `h = inner w1`, without bias.
    private void fill(Tile tile, Tensor h, long row, Tensor first) {
        Tensors.mulOut(h, numbers(tile, row), own(first, tile));
    }

    private Tensor numbers(Tile tile, long row) {
        return of(flat, tile, row).unsqueeze(2); // [rows, count, 1]
    }

    /// The tile's part of `[N, C]`.
    private static Tensor of(Tensor all, Tile tile, long row) {
        return all.narrow(0, row, tile.rows()).narrow(1, tile.first(), tile.count());
    }

    /// The tile's part of `[C, hidden]`.
    private static Tensor own(Tensor all, Tile tile) {
        return all.narrow(0, tile.first(), tile.count());
    }

    @Override
    public void backward(Tensor gradient) {
        Scopes.run(() -> {
            Tensor toInner =
                    Scopes.withoutGradient(() -> parameters(gradient.view(-1, C).contiguous()));
            if (inner.requires_grad()) {
                Tensors.backward(inner, toInner.view(inner.shape()));
            }
        });
    }

    /// The gradients of the MLPs' parameters.
    ///
    /// @param gradient `[N, C]`
    /// @return the gradient of the inner activations `[N, C]`
    private Tensor parameters(Tensor gradient) {
        gate.get("output_bias").grad().add_(gradient.sum(0));
        Tensor first = filled("hidden");
        Tensor toFirst = Tensors.zerosLike(first);
        float[] b = Tensors.toFloats(filled("hidden_bias"));
        float[] w = Tensors.toFloats(filled("output"));
        float[] toB = new float[b.length];
        float[] toOutput = new float[w.length];
        Tensor toInner = Tensors.empty(Type.FLOAT, flat.shape());
        onTiles((tile, h, row) -> {
            fill(tile, h, row, first);
            long dy = Kernels.address(gradient, row * C);
            GeluKernel.backward(tile, Kernels.address(h), b, w, dy, toB, toOutput);
            own(toFirst, tile).add_(h.mul(numbers(tile, row)).sum(0));
            of(toInner, tile, row).copy_(h.mul(own(first, tile)).sum(2));
        });
        add(toFirst, "hidden");
        add(Tensors.of(toB, Type.FLOAT, C, hidden), "hidden_bias");
        add(Tensors.of(toOutput, Type.FLOAT, C, hidden), "output");
        return toInner;
    }

    /// @param gradient `[C, hidden]`
    private void add(Tensor gradient, String parameter) {
        Tensor to = gate.get(parameter).grad();
        to.add_(gradient.narrow(1, 0, to.size(1)));
    }
}
