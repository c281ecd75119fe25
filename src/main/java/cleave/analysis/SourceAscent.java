package cleave.analysis;

import cleave.loss.Divergence;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.function.Supplier;

/// Projected gradient ascent on the mask sources that all sequences share (spec A16): each step
/// moves every source by `STEP` in the direction of its gradient's sign, within 0..1.
///
/// Its tensors belong to the scope it is made in.
final class SourceAscent {
    /// How far a source moves in a step.
    static final double STEP = 0.1;

    private final List<Part> parts;
    private final Masking.Sources moving;
    private final Masking.Sources worst;
    private double largest = Double.NEGATIVE_INFINITY;

    /// Some sequences.
    ///
    /// @param forward makes passes of these, on importances without a graph; asked anew for each
    ///   pass, because it keeps tensors of the scope it is used in
    /// @param divergence from their clean outputs
    record Part(Supplier<MaskedForward> forward, Divergence divergence) {}

    /// @param start where the ascent begins; is moved
    SourceAscent(List<Part> parts, Masking.Sources start) {
        this(parts, start, true);
    }

    /// @param start where the ascent begins; is moved
    /// @param rest whether the sources of weight deltas and remainders move too
    SourceAscent(List<Part> parts, Masking.Sources start, boolean rest) {
        this.parts = parts;
        moving = start;
        worst =
                new Masking.Sources(
                        start.sources().stream().map(Tensor::clone).toList(),
                        start.deltas().stream().map(Tensor::clone).toList(),
                        start.remainders().stream().map(Tensor::clone).toList());
        (rest ? moving.all() : moving.sources()).forEach(source -> source.requires_grad_(true));
    }

    /// Measures the divergence, summed over loss positions, at the sources as they are, and then
    /// moves them.
    void step() {
        Scopes.run(() -> {
            note(divergence());
            Scopes.withoutGradient(() -> {
                moving.all().forEach(SourceAscent::move);
                return true;
            });
        });
    }

    /// Measures the divergence at the sources as they are, without moving them.
    void measure() {
        Scopes.run(() -> note(Scopes.withoutGradient(this::divergence)));
    }

    /// The largest divergence measured, summed over loss positions.
    double largest() {
        return largest;
    }

    /// The sources at which it was measured.
    Masking.Sources worst() {
        return worst;
    }

    private double divergence() {
        double sum = 0;
        for (Part part : parts) {
            sum +=
                    Scopes.run(() -> {
                        Tensor one =
                                part.divergence().sum(part.forward().get().pass(moving).outputs());
                        if (one.requires_grad()) {
                            one.backward(); // gradients add up over the parts
                        }
                        return Tensors.number(one);
                    });
        }
        return sum;
    }

    private void note(double divergence) {
        if (divergence <= largest) {
            return;
        }
        largest = divergence;
        Scopes.withoutGradient(() -> {
            List<Tensor> from = moving.all();
            List<Tensor> to = worst.all();
            for (int i = 0; i < to.size(); i++) {
                to.get(i).copy_(from.get(i));
            }
            return true;
        });
    }

    /// Moves a source once, and forgets its gradient; one that no pass reads has none and stays.
    static void move(Tensor source) {
        Tensor gradient = source.grad();
        if (gradient.defined()) {
            source.add_(gradient.sign().mul(STEP));
            source.clamp_(0, 1);
            gradient.zero_();
        }
    }
}
