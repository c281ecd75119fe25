package cleave.training;

import cleave.config.Above;
import cleave.config.AtLeast;
import cleave.config.Default;
import cleave.config.Range;
import cleave.engine.AdamStep;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;

/// Adam with decoupled weight decay on one flat tensor (spec T2).
public final class Adam implements AutoCloseable {

    /// Settings that stay the same over a run.
    public record Settings(
            @Range(min = 0, max = 0.999999) @Default("0.9") double beta1,
            @Range(min = 0, max = 0.999999) @Default("0.999") double beta2,
            @Above(0) @Default("1.0e-8") double epsilon,
            @AtLeast(0) @Default("0.0") double weightDecay) {}

    private final Settings settings;
    private final Tensor first; // [n]
    private final Tensor second; // [n]
    private long updates;

    /// An optimiser for `values [n]` that has not updated yet.
    public Adam(Settings settings, Tensor values) {
        this.settings = settings;
        first = Scopes.own(Tensors.zerosLike(values));
        second = Scopes.own(Tensors.zerosLike(values));
    }

    /// Updates `values [n]` with `gradient [n]`.
    public void updateInPlace(Tensor values, Tensor gradient, double learningRate) {
        updateInPlace(values, gradient, 0, learningRate, learningRate);
    }

    /// Updates `values [n]` with `gradient [n]`, the first `front` of them at a rate of their own.
    public void updateInPlace(
            Tensor values, Tensor gradient, long front, double frontRate, double learningRate) {
        Scopes.run(() -> {
            updates++;
            double beta1 = settings.beta1();
            double beta2 = settings.beta2();
            first.mul_(beta1).add_(gradient, 1 - beta1);
            second.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
            double bias1 = 1 - StrictMath.pow(beta1, updates);
            double bias2 = 1 - StrictMath.pow(beta2, updates);
            Tensor scale = second.sqrt().mul_(1 / Math.sqrt(bias2)).add_(settings.epsilon());
            move(values, scale, 0, front, frontRate, bias1);
            move(values, scale, front, values.numel() - front, learningRate, bias1);
        });
    }

    /// Counts an update that is made piece by piece.
    void begin() {
        updates++;
    }

    /// What the update under way multiplies with.
    ///
    /// @param gradientScale what clipping leaves of the gradient
    AdamStep update(double gradientScale, double learningRate) {
        return new AdamStep(
                gradientScale,
                settings.beta1(),
                settings.beta2(),
                learningRate / (1 - StrictMath.pow(settings.beta1(), updates)),
                1 / Math.sqrt(1 - StrictMath.pow(settings.beta2(), updates)),
                settings.epsilon(),
                1 - learningRate * settings.weightDecay());
    }

    private void move(
            Tensor values, Tensor scale, long from, long count, double rate, double bias1) {
        Tensor part = values.narrow(0, from, count);
        if (settings.weightDecay() != 0) {
            part.mul_(1 - rate * settings.weightDecay());
        }
        part.addcdiv_(first.narrow(0, from, count), scale.narrow(0, from, count), -rate / bias1);
    }

    /// The first moment `[n]`.
    public Tensor firstMoment() {
        return first;
    }

    /// The second moment `[n]`.
    public Tensor secondMoment() {
        return second;
    }

    /// How many updates were made.
    public long updates() {
        return updates;
    }

    /// Continues from a saved state.
    public void restore(Tensor firstMoment, Tensor secondMoment, long updates) {
        first.copy_(firstMoment);
        second.copy_(secondMoment);
        this.updates = updates;
    }

    @Override
    public void close() {
        Scopes.release(first);
        Scopes.release(second);
    }
}
