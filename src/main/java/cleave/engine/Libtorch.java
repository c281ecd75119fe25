package cleave.engine;

import cleave.tensor.Device;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Everything by libtorch and its graph: any type, any device, any shape.
final class Libtorch implements Engine {
    /// The slope of the sigmoids' leaks.
    static final double SLOPE = 0.01;

    private final Products products;
    private final Device device;

    /// @param device where all tensors are
    Libtorch(Products products, Device device) {
        this.products = products;
        this.device = device;
    }

    @Override
    public Device device() {
        return device;
    }

    @Override
    public Products products() {
        return products;
    }

    @Override
    public String name() {
        return device.equals(Device.CPU) ? "libtorch" : "libtorch on " + device;
    }

    @Override
    public @Nullable SliceSite narrowSite(
            Tensor V, Tensor U, Tensor lower, @Nullable Tensor valid) {
        return null;
    }

    @Override
    public HeadPass head(Gate gate, Tensor activation, boolean causal, @Nullable Tensor valid) {
        return HeadPass.recorded(GateFormulas.seen(products, gate, activation, causal, valid));
    }

    @Override
    public GatePass mlps(Gate gate, @Nullable HeadPass head, @Nullable Tensor own) {
        if (head == null) {
            return GatePass.recorded(
                    GateFormulas.perSubcomponent(products, gate, Objects.requireNonNull(own)));
        }
        Tensor seen = head.seen().detach();
        seen.requires_grad_(true);
        Tensor z = own == null ? seen : Tensors.concatenate(2, seen, own);
        GatePass mlps = GatePass.recorded(GateFormulas.perSubcomponent(products, gate, z));
        return new GatePass() {
            @Override
            public Tensor preactivation() {
                return mlps.preactivation();
            }

            @Override
            public void backward(Tensor gradient) {
                Scopes.run(() -> {
                    mlps.backward(gradient);
                    head.backward(seen.grad());
                });
            }
        };
    }

    @Override
    public GatePass scalarMlps(Gate gate, Tensor inner) {
        return GatePass.recorded(GateFormulas.onNumbers(gate, inner));
    }

    @Override
    public long keptByMlps(long width, long C, long hidden) {
        return 2 * C * hidden + 3 * C; // the hidden layer before and after the GELU
    }

    @Override
    public long keptByScalarMlps(long C, long hidden) {
        return 2 * C * hidden + 3 * C;
    }

    @Override
    public Sigmoids sigmoids(Tensor x, boolean plain) {
        Tensor lower =
                Scopes.keep(() -> {
                    Tensor clamped = x.clamp(0, 1);
                    return plain ? Tensors.where(x.le(0), x.mul(SLOPE), clamped) : clamped;
                });
        Tensor upper =
                Scopes.keep(() -> {
                    Tensor above = x.sub(1).mul(SLOPE).add(1);
                    return Tensors.where(x.gt(1), above, x.clamp(0, 1));
                });
        return new Sigmoids(lower, upper);
    }

    @Override
    public Tensor throughSigmoids(Tensor x, Tensor ofLower, Tensor ofUpper, boolean gated) {
        return Scopes.keep(() -> {
            Tensor zero = x.new_zeros(new long[0]);
            Tensor below = x.le(0);
            Tensor above = x.gt(1);
            Tensor leaked = (gated ? ofLower.clamp_max(0) : ofLower).mul(SLOPE);
            Tensor lower = Tensors.where(below, leaked, Tensors.where(above, zero, ofLower));
            Tensor upper =
                    Tensors.where(x.lt(0), zero, Tensors.where(above, ofUpper.mul(SLOPE), ofUpper));
            return lower.add(upper);
        });
    }

    @Override
    public Tensor powers(Power power, Tensor upper, @Nullable Tensor valid) {
        return powers(power, upper, valid, Tensor::pow);
    }

    /// How numbers above zero are raised to a power.
    @FunctionalInterface
    interface Raise {
        Tensor of(Tensor base, double exponent);
    }

    static Tensor powers(Power power, Tensor upper, @Nullable Tensor valid, Raise raise) {
        return Scopes.keep(() -> {
            Tensor base = upper.add(power.epsilon());
            Tensor less = raise.of(base, power.p() - 1);
            return total(costs(power, upper, base, less), valid);
        });
    }

    @Override
    public double powers(
            Power power,
            Tensor upper,
            @Nullable Tensor valid,
            double[] weights,
            Tensor gradient,
            double scale) {
        return powers(power, upper, valid, weights, gradient, scale, Tensor::pow);
    }

    static double powers(
            Power power,
            Tensor upper,
            @Nullable Tensor valid,
            double[] weights,
            Tensor gradient,
            double scale,
            Raise raise) {
        Tensor base = upper.add(power.epsilon());
        Tensor less = raise.of(base, power.p() - 1);
        Tensor totals = total(costs(power, upper, base, less), valid);
        Tensor slopes = counted(less.mul_(power.p()), valid);
        return weighted(totals, row(weights, upper), slopes, gradient, scale);
    }

    /// `(g + epsilon)^p - z`, exactly 0 for a zero importance that is free.
    private static Tensor costs(Power power, Tensor upper, Tensor base, Tensor less) {
        Tensor costs = base.mul(less);
        if (!power.zeroIsFree()) {
            return costs;
        }
        return costs.sub_(StrictMath.pow(power.epsilon(), power.p())).masked_fill_(upper.le(0), 0);
    }

    private static Tensor total(Tensor numbers, @Nullable Tensor valid) {
        return counted(numbers, valid).sum(0, 1);
    }

    /// The numbers `[B, T, C]` with zeros at positions that are not valid.
    private static Tensor counted(Tensor numbers, @Nullable Tensor valid) {
        return valid == null ? numbers : numbers.masked_fill(valid.logical_not().unsqueeze(2), 0);
    }

    private static Tensor row(double[] weights, Tensor like) {
        return like.device().run(() -> Tensors.of(weights, Tensors.type(like), weights.length));
    }

    private static double weighted(
            Tensor totals, Tensor weights, Tensor slopes, Tensor gradient, double scale) {
        gradient.add_(slopes.mul_(weights), scale);
        return Tensors.number(totals.mul(weights).sum());
    }

    @Override
    public Tensor peaks(Tensor importances, @Nullable Tensor valid) {
        return Scopes.keep(() -> counted(importances, valid).amax(1));
    }

    @Override
    public double peaks(
            Tensor upper, @Nullable Tensor valid, double[] weights, Tensor gradient, double scale) {
        Tensor seen = counted(upper, valid);
        Tensor peaks = seen.amax(new long[] {1}, true); // [B, 1, C]
        Tensor at = counted(seen.eq(peaks).to(Tensors.type(upper)), valid); // [B, T, C]
        Tensor shared = at.sum(new long[] {1}, true); // [B, 1, C]
        Tensor totals = peaks.sum(0, 1);
        Tensor slopes = at.div_(shared.clamp_min(1));
        return weighted(totals, row(weights, upper), slopes, gradient, scale);
    }

    @Override
    public Attention.Head attention(
            Tensor q,
            Tensor k,
            Tensor v,
            @Nullable Tensor places,
            boolean causal,
            Supplier<Tensor> hidden) {
        return Attention.of(q, k, v, hidden.get());
    }

    @Override
    public double addUp(Tensor gradient, List<Tensor> others, long from, long count) {
        return Scopes.run(() -> {
            Tensor sum = gradient.narrow(0, from, count);
            for (Tensor other : others) {
                Tensor theirs = other.narrow(0, from, count);
                sum.add_(theirs);
                theirs.zero_();
            }
            return Tensors.number(sum.mul(sum).sum());
        });
    }

    @Override
    public void adam(AdamStep step, AdamTensors on, long from, long count) {
        Scopes.run(() -> {
            Tensor values = on.values().narrow(0, from, count);
            Tensor gradient = on.gradient().narrow(0, from, count);
            Tensor first = on.first().narrow(0, from, count);
            Tensor second = on.second().narrow(0, from, count);
            if (step.gradientScale() != 1) {
                gradient.mul_(step.gradientScale());
            }
            first.mul_(step.beta1()).add_(gradient, 1 - step.beta1());
            second.mul_(step.beta2()).addcmul_(gradient, gradient, 1 - step.beta2());
            Tensor scale = second.sqrt().mul_(step.root()).add_(step.epsilon());
            if (step.keep() != 1) {
                values.mul_(step.keep());
            }
            values.addcdiv_(first, scale, -step.step());
            gradient.zero_();
        });
    }
}
