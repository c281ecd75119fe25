package cleave.loss;

import cleave.engine.Engine;
import cleave.loss.BatchSummary.Sizes;
import cleave.mask.MaskedPasses;
import cleave.model.Batch;
import cleave.model.Target;
import cleave.model.Target.Outputs;
import cleave.schedule.Schedule;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// One slice of a batch as a term sees it, with the ways to add gradients.
///
/// @param engine computes terms on importances
/// @param divergence from the slice's clean outputs
/// @param forward makes masked passes of the slice's sequences
/// @param upper the upper importances `[B, T, C]` of each site
/// @param ofUpper where gradients of the upper importances add up, `[B, T, C]` of each site
/// @param sizes of the whole batch
/// @param draw seed, step and index of the term, by which draws are keyed (spec R5)
/// @param coefficient of the term at this step
/// @param listener hears when a pass is differentiated
public record LossSlice(
        Engine engine,
        Divergence divergence,
        MaskedPasses forward,
        List<Tensor> upper,
        List<Tensor> ofUpper,
        Sizes sizes,
        Draw draw,
        double coefficient,
        Listener listener) {

    /// A slice that nobody listens to.
    public LossSlice(
            Engine engine,
            Divergence divergence,
            MaskedPasses forward,
            List<Tensor> upper,
            List<Tensor> ofUpper,
            Sizes sizes,
            Draw draw,
            double coefficient) {
        this(
                engine,
                divergence,
                forward,
                upper,
                ofUpper,
                sizes,
                draw,
                coefficient,
                new Listener() {
                    @Override
                    public void forward() {}

                    @Override
                    public void backward() {}
                });
    }

    /// What a term's draws are keyed by.
    ///
    /// @param seed of the run
    /// @param step counted from 0
    /// @param steps length of the run, for schedules
    /// @param term index of the term among those of all streams
    public record Draw(long seed, long step, long steps, int term) {}

    /// Hears where a term is.
    public interface Listener {
        /// A pass is made from here on.
        void forward();

        /// A pass is differentiated from here on.
        void backward();
    }

    /// The sequences.
    public Batch batch() {
        return forward.batch();
    }

    /// What outputs mean.
    public Outputs outputs() {
        return divergence.outputs();
    }

    /// The importances alone, without a graph.
    ImportanceSlice importances() {
        return new ImportanceSlice(engine, upper, valid(), draw.step(), draw.steps());
    }

    /// Which positions are valid `[B, T]`; null when all are.
    public @Nullable Tensor valid() {
        return batch().valid();
    }

    /// A schedule's number at this step.
    public double now(Schedule schedule) {
        return schedule.at(draw.step(), draw.steps());
    }

    /// The divergence of a masked pass's outputs, summed over the slice's loss positions, times
    /// `scale`; its gradient is added to those of U, V and the importances. With coefficient 0 no
    /// graph is recorded.
    ///
    /// @param from what the outputs are compared with
    /// @param outputs makes the pass, within a scope of its own
    public double onOutputs(
            Supplier<Divergence> from, Supplier<Target.Forward> outputs, double scale) {
        listener.forward();
        return scale
                * Scopes.run(() -> {
                    Divergence distance = from.get();
                    if (coefficient == 0) {
                        return Scopes.withoutGradient(
                                () -> Tensors.number(distance.sum(outputs.get().outputs())));
                    }
                    Target.Forward pass = outputs.get();
                    Tensor made = pass.outputs();
                    Divergence.Differentiated sum =
                            Scopes.withoutGradient(() ->
                                    pass.free()
                                            ? distance.taking(made.detach(), coefficient * scale)
                                            : distance.differentiated(
                                                    made.detach(), coefficient * scale));
                    if (made.requires_grad()) {
                        listener.backward();
                        made.backward(sum.ofOutputs());
                    }
                    return sum.value();
                });
    }

    /// The value of any other loss that masked passes make; its gradient is added to those of U, V
    /// and the importances. With coefficient 0 no graph is recorded.
    ///
    /// @param loss a number, summed over the slice; made within a scope of its own
    /// @param scale of the number in the term
    public double onPass(Supplier<Tensor> loss, double scale) {
        listener.forward();
        return scale
                * Scopes.run(() -> {
                    if (coefficient == 0) {
                        return Tensors.number(Scopes.withoutGradient(loss));
                    }
                    Tensor one = loss.get();
                    if (one.requires_grad()) {
                        listener.backward();
                        one.mul(coefficient * scale).backward();
                    }
                    return Tensors.number(one);
                });
    }

    /// A term on the importances of one site: its value; it adds its gradient.
    @FunctionalInterface
    public interface OnSite {
        /// The value on a site.
        double run(int site, Tensor upper, Tensor ofUpper);
    }

    /// The value of a term on the upper importances of every site, which adds its gradients itself.
    public double onImportances(OnSite term) {
        return Scopes.run(() ->
                Scopes.withoutGradient(() -> {
                    double value = 0;
                    for (int site = 0; site < upper.size(); site++) {
                        value += term.run(site, upper.get(site), ofUpper.get(site));
                    }
                    return value;
                }));
    }
}
