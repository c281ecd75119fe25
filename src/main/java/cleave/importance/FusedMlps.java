package cleave.importance;

import cleave.importance.GeluKernel.Tile;
import cleave.importance.ImportanceFunction.Gate;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// The MLPs of one site (spec G4) in float32 without libtorch's graph: matrix products by libtorch,
/// everything between them by `GeluKernel`, tile by tile, so that the hidden layer never leaves the
/// cache. The hidden layer is computed again on the way back.
final class FusedMlps implements GatePass {
    private static final int ROWS = 512; // of a tile
    private static final int NUMBERS = 1 << 17; // of a tile: half a mebibyte

    private final Gate gate;
    private final Tensor z; // [N, d], without graph
    private final @Nullable Tensor seen; // [B, T, h], the first columns of z with their graph
    private final int C;
    private final int hidden;
    private final Tensor preactivation; // [B, T, C]

    private FusedMlps(Gate gate, Tensor z, @Nullable Tensor seen, long[] shape, int hidden) {
        this.gate = gate;
        this.z = z;
        this.seen = seen;
        this.hidden = hidden;
        C = Math.toIntExact(gate.get("output").size(0));
        preactivation = Tensors.empty(ScalarType.Float, shape[0], shape[1], C);
        Scopes.run(() -> Scopes.withoutGradient(this::forward));
    }

    /// Whether MLPs of this width on numbers of this type can run here; else they run in libtorch.
    static boolean fit(ScalarType type, int hidden) {
        return Kernels.read(type) && GeluKernel.fits(hidden);
    }

    /// The pass on `z = seen` or `z = seen (+) own`.
    ///
    /// @param seen `[B, T, h]` with its graph; null when only `own` is read
    /// @param own `[B, T, d_in]` without graph; null when only `seen` is read
    static FusedMlps open(Gate gate, @Nullable Tensor seen, @Nullable Tensor own, int hidden) {
        Tensor z;
        if (seen == null) {
            z = java.util.Objects.requireNonNull(own);
        } else if (own == null) {
            z = seen.detach();
        } else {
            z = Tensors.concatenate(2, seen.detach(), own);
        }
        long[] shape = z.shape();
        Tensor flat = z.reshape(-1, shape[2]).contiguous();
        return new FusedMlps(gate, flat, seen, shape, hidden);
    }

    @Override
    public Tensor preactivation() {
        return preactivation;
    }

    private Object forward() {
        Tensor W = gate.get("hidden");
        float[] b = Tensors.toFloats(gate.get("hidden_bias"));
        float[] w = Tensors.toFloats(gate.get("output"));
        float[] o = Tensors.toFloats(gate.get("output_bias"));
        onTiles(
                z,
                (tile, h, row) -> {
                    h.addmm_(z.narrow(0, row, tile.rows()), part(W, tile)); // h is zero
                    long y = Kernels.address(preactivation, row * C);
                    GeluKernel.forward(tile, Kernels.address(h), b, w, o, y);
                });
        return this;
    }

    private interface OnTile {
        void run(Tile tile, Tensor h, long row);
    }

    /// Runs over some rows and some subcomponents at a time, with memory for their hidden layer
    /// `[rows, count hidden]`, at first zero. A product that is added to zeros is faster than one
    /// that has to fill the memory with them first.
    private void onTiles(Tensor z, OnTile work) {
        int all = Math.toIntExact(z.size(0));
        int mostRows = Math.min(all, ROWS);
        int most = Math.min(C, Math.max(1, NUMBERS / Math.max(1, mostRows * hidden)));
        Tensor memory = Tensors.zeros(ScalarType.Float, (long) mostRows * most * hidden);
        for (int row = 0; row < all; row += ROWS) {
            for (int c = 0; c < C; c += most) {
                Tile tile =
                        new Tile(Math.min(ROWS, all - row), c, Math.min(most, C - c), C, hidden);
                long start = row;
                long width = (long) tile.count() * hidden;
                Scopes.run(() -> {
                    Tensor h = memory.narrow(0, 0, tile.rows() * width);
                    work.run(tile, h.view(tile.rows(), width), start);
                });
            }
        }
    }

    /// The columns of the first layer's weight or of its gradient that belong to a tile.
    private static Tensor part(Tensor W, Tile tile) {
        return W.narrow(
                1, (long) tile.first() * tile.hidden(), (long) tile.count() * tile.hidden());
    }

    @Override
    public void backward(Tensor gradient) {
        Scopes.run(() -> {
            Tensor toSeen =
                    Scopes.withoutGradient(() -> parameters(gradient.view(-1, C).contiguous()));
            if (seen != null && seen.requires_grad()) {
                Tensors.backward(seen, toSeen.view(seen.shape()));
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
        return seen == null ? 0 : seen.size(2);
    }

    private Tensor parameters(Tensor z, Tensor gradient) {
        Tensor W = gate.get("hidden");
        Tensor toW = W.grad();
        float[] b = Tensors.toFloats(gate.get("hidden_bias"));
        float[] w = Tensors.toFloats(gate.get("output"));
        float[] toB = new float[b.length];
        float[] toOutput = new float[w.length];
        long width = seenWidth();
        Tensor toSeen = z.new_zeros(new long[] {z.size(0), width});
        onTiles(
                z,
                (tile, h, row) -> {
                    Tensor read = z.narrow(0, row, tile.rows());
                    torch.mm_out(h, read, part(W, tile));
                    long dy = Kernels.address(gradient, row * C);
                    GeluKernel.backward(tile, Kernels.address(h), b, w, dy, toB, toOutput);
                    part(toW, tile).addmm_(read.t(), h);
                    if (width > 0) {
                        Tensor back = part(W.narrow(0, 0, width), tile).t();
                        toSeen.narrow(0, row, tile.rows()).addmm_(h, back);
                    }
                });
        add(toB, gate.get("hidden_bias"));
        add(toOutput, gate.get("output"));
        return toSeen;
    }

    private static void add(float[] gradient, Tensor leaf) {
        leaf.grad().add_(Tensors.of(gradient, ScalarType.Float, leaf.shape()));
    }
}
