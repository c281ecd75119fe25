package cleave.analysis;

import cleave.config.Reach;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.function.DoubleConsumer;

/// Fits importances to the answer of one prompt.
final class ImportanceFit {
    // Of the peers' recipe, but for the adversary, which is kept from step to step here.
    private static final double POWER = 0.3;
    private static final double LEAST = 1e-3; // added to an importance, for the slope at 0
    private static final double RATE = 0.02;
    private static final double BETA_1 = 0.9;
    private static final double BETA_2 = 0.99;
    private static final int ASCENTS = 2;

    private final AnswerUnderMasks answer;
    private final int steps;
    private final boolean adversary;
    private final DoubleConsumer progress;

    /// A fit that is to be made.
    ///
    /// @param adversary whether one takes part
    /// @param progress told after each step which share is done
    ImportanceFit(AnswerUnderMasks answer, int steps, boolean adversary, DoubleConsumer progress) {
        this.answer = answer;
        this.steps = steps;
        this.adversary = adversary;
        this.progress = progress;
    }

    /// The importances that keep the answer with least of them.
    ///
    /// @param minimality coefficient of their sum
    List<double[]> of(double minimality) {
        List<double[]> g = answer.own().stream().map(double[]::clone).toList();
        List<double[]> first = g.stream().map(each -> new double[each.length]).toList();
        List<double[]> second = g.stream().map(each -> new double[each.length]).toList();
        List<Tensor> worst = answer.sources(answer.key("fit")).sources();
        worst.forEach(source -> source.requires_grad_(true));
        Reach reach = new Reach("--steps", steps);
        for (long step = 1; step <= steps; step++) {
            long now = step;
            List<double[]> slopes = Scopes.run(() -> slopes(g, worst, now));
            double rate = RATE * 0.5 * (1 + Math.cos(Math.PI * (now - 1) / steps));
            for (int site = 0; site < g.size(); site++) {
                double[] value = g.get(site);
                double[] slope = slopes.get(site);
                for (int i = 0; i < value.length; i++) {
                    if (answer.own().get(site)[i] <= 0) {
                        continue; // off in the decomposition, and so here
                    }
                    double whole =
                            slope[i] + minimality * POWER * Math.pow(value[i] + LEAST, POWER - 1);
                    double[] m = first.get(site);
                    double[] v = second.get(site);
                    m[i] = BETA_1 * m[i] + (1 - BETA_1) * whole;
                    v[i] = BETA_2 * v[i] + (1 - BETA_2) * whole * whole;
                    double mean = m[i] / (1 - Math.pow(BETA_1, now));
                    double size = Math.sqrt(v[i] / (1 - Math.pow(BETA_2, now)));
                    value[i] = Math.clamp(value[i] - rate * mean / (size + 1e-12), 0, 1);
                }
            }
            reach.done(step);
            progress.accept((double) step / steps);
        }
        return g;
    }

    /// The slopes of `-log p`, half under stochastic masks and half under the adversary's, who
    /// moves what is on in the decomposition while all else is drawn anew.
    private List<double[]> slopes(List<double[]> g, List<Tensor> worst, long step) {
        List<Tensor> leaves = answer.tensors(g);
        leaves.forEach(leaf -> leaf.requires_grad_(true));
        MaskedForward forward = answer.forward(leaves);
        double share = adversary ? 0.5 : 1;
        answer.missing(forward, new Masking.Stochastic(), step).mul(share).backward();
        if (adversary) {
            Masking.Sources drawn = answer.sources(answer.key("fit").with(step));
            List<Tensor> fixed = answer.tensors(g);
            for (int i = 0; i < ASCENTS; i++) {
                answer.ascend(fixed, worst, drawn);
            }
            List<Tensor> still = worst.stream().map(Tensor::detach).toList();
            answer.missing(forward, answer.mixed(still, drawn), step).mul(share).backward();
        }
        return leaves.stream().map(leaf -> Tensors.toDoubles(leaf.grad())).toList();
    }
}
