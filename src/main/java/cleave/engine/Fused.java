package cleave.engine;

import cleave.tensor.Device;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Hand-written kernels where they pay, in float32 on the CPU, and `Libtorch` elsewhere.
///
/// Where they pay is decided here and nowhere else.
final class Fused implements Engine {
    static final Engine ENGINE = new Fused(Products.EXACT);

    private static final int WIDEST_SITE = 64; // that a slice's kernel is faster for
    private static final int WIDEST_MLPS = 128; // input beyond which libtorch's products are faster
    private static final int LONGEST = 256; // sequence whose attention fits a kernel
    private static final int WIDEST_HEAD = 64;

    private final Products products;
    private final Engine libtorch;

    Fused(Products products) {
        this.products = products;
        libtorch = Engines.libtorch(products);
    }

    @Override
    public Device device() {
        return Device.CPU;
    }

    @Override
    public Products products() {
        return products;
    }

    @Override
    public String name() {
        return "fused with vectors of %d bits".formatted(Lanes.WIDTH * Float.SIZE);
    }

    @Override
    public @Nullable SliceSite narrowSite(
            Tensor V, Tensor U, Tensor lower, @Nullable Tensor valid) {
        boolean fits =
                Kernels.read(Tensors.type(V), V.device())
                        && V.size(0) == U.size(1)
                        && V.size(0) <= WIDEST_SITE;
        return fits ? new SliceSite(V, U, lower, valid) : null;
    }

    private static boolean attends(long positions, long width) {
        return positions <= LONGEST && width <= WIDEST_HEAD;
    }

    @Override
    public HeadPass head(Gate gate, Tensor activation, boolean causal, @Nullable Tensor valid) {
        long widest = Math.max(activation.size(2), gate.get("query").size(1));
        boolean fits =
                valid == null
                        && Kernels.read(Tensors.type(activation), activation.device())
                        && attends(activation.size(1), widest);
        return fits
                ? new FusedHead(gate, activation, causal)
                : libtorch.head(gate, activation, causal, valid);
    }

    @Override
    public GatePass mlps(Gate gate, @Nullable HeadPass head, @Nullable Tensor own) {
        Tensor read = head == null ? Objects.requireNonNull(own) : head.seen();
        if (!Kernels.read(Tensors.type(read), read.device())) {
            return libtorch.mlps(gate, head, own);
        }
        Tensor z = head == null || own == null ? read : Tensors.concatenate(2, read, own);
        return z.size(2) > WIDEST_MLPS
                ? WideMlps.open(products, gate, head, z)
                : FusedMlps.open(gate, head, z);
    }

    @Override
    public GatePass scalarMlps(Gate gate, Tensor inner) {
        return Kernels.read(Tensors.type(inner), inner.device())
                ? new FusedScalarMlps(gate, inner)
                : libtorch.scalarMlps(gate, inner);
    }

    @Override
    public long keptByMlps(long width, long C, long hidden) {
        return width > WIDEST_MLPS ? C * hidden + 3 * C : 3 * C;
    }

    @Override
    public long keptByScalarMlps(long C, long hidden) {
        return 5 * C;
    }

    @Override
    public Sigmoids sigmoids(Tensor x, boolean plain) {
        if (!Kernels.read(x)) {
            return libtorch.sigmoids(x, plain);
        }
        Tensor lower = Tensors.emptyLike(x);
        Tensor upper = Tensors.emptyLike(x);
        SigmoidKernel.forward(
                Kernels.address(x),
                plain,
                Kernels.address(lower),
                Kernels.address(upper),
                x.numel());
        return new Sigmoids(lower, upper);
    }

    @Override
    public Tensor throughSigmoids(Tensor x, Tensor ofLower, Tensor ofUpper, boolean gated) {
        if (!Kernels.read(x)) {
            return libtorch.throughSigmoids(x, ofLower, ofUpper, gated);
        }
        return Scopes.keep(() -> {
            Tensor gradient = Tensors.emptyLike(x);
            Tensor low = ofLower.contiguous(); // kept as long as their addresses are used
            Tensor high = ofUpper.contiguous();
            SigmoidKernel.backward(
                    Kernels.address(x),
                    gated,
                    Kernels.address(low),
                    Kernels.address(high),
                    Kernels.address(gradient),
                    x.numel());
            return gradient;
        });
    }

    /// The kernel wants numbers above 0, which importances alone are not.
    private static boolean raises(Power power, Tensor upper) {
        return power.epsilon() > Float.MIN_NORMAL && Kernels.read(upper);
    }

    @Override
    public Tensor powers(Power power, Tensor upper, @Nullable Tensor valid) {
        return raises(power, upper)
                ? Libtorch.powers(power, upper, valid, Powers::of)
                : libtorch.powers(power, upper, valid);
    }

    @Override
    public double powers(
            Power power,
            Tensor upper,
            @Nullable Tensor valid,
            double[] weights,
            Tensor gradient,
            double scale) {
        if (!raises(power, upper)) {
            return libtorch.powers(power, upper, valid, weights, gradient, scale);
        }
        if (valid != null || !ImportanceKernel.fits(upper)) {
            return Libtorch.powers(power, upper, valid, weights, gradient, scale, Powers::of);
        }
        double free = power.zeroIsFree() ? StrictMath.pow(power.epsilon(), power.p()) : 0;
        return ImportanceKernel.powers(
                upper, power.p(), power.epsilon(), free, weights, gradient, scale);
    }

    @Override
    public Tensor peaks(Tensor importances, @Nullable Tensor valid) {
        return hasPeaks(importances, valid)
                ? Tensors.of(
                        ImportanceKernel.peaks(importances),
                        Type.FLOAT,
                        importances.size(0),
                        importances.size(2))
                : libtorch.peaks(importances, valid);
    }

    @Override
    public double peaks(
            Tensor upper, @Nullable Tensor valid, double[] weights, Tensor gradient, double scale) {
        return hasPeaks(upper, valid)
                ? ImportanceKernel.peaks(upper, weights, gradient, scale)
                : libtorch.peaks(upper, valid, weights, gradient, scale);
    }

    private static boolean hasPeaks(Tensor importances, @Nullable Tensor valid) {
        return valid == null && Kernels.read(importances) && ImportanceKernel.fits(importances);
    }

    @Override
    public Attention.Head attention(
            Tensor q,
            Tensor k,
            Tensor v,
            @Nullable Tensor places,
            boolean causal,
            Supplier<Tensor> hidden) {
        boolean wanted = q.requires_grad() || k.requires_grad() || v.requires_grad();
        boolean fits =
                wanted
                        && causal
                        && Kernels.read(Tensors.type(q), q.device())
                        && q.size(1) <= k.size(1)
                        && attends(k.size(1), k.size(2));
        return fits
                ? FusedAttention.of(q, k, v, places)
                : libtorch.attention(q, k, v, places, causal, hidden);
    }

    @Override
    public double addUp(Tensor gradient, List<Tensor> others, long from, long count) {
        if (!Kernels.read(gradient)) {
            return libtorch.addUp(gradient, others, from, count);
        }
        long[] theirs = others.stream().mapToLong(other -> Kernels.address(other, from)).toArray();
        return AdamKernel.addUp(Kernels.address(gradient, from), theirs, count);
    }

    @Override
    public void adam(AdamStep step, AdamTensors on, long from, long count) {
        if (!Kernels.read(on.values())) {
            libtorch.adam(step, on, from, count);
            return;
        }
        AdamKernel.update(
                step,
                Kernels.address(on.values(), from),
                Kernels.address(on.gradient(), from),
                Kernels.address(on.first(), from),
                Kernels.address(on.second(), from),
                count);
    }
}
