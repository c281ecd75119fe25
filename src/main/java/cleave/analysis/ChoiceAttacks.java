package cleave.analysis;

import cleave.analysis.Explanation.Attack;
import cleave.config.Reach;
import cleave.mask.Masking;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// Adversaries who take an answer away from a choice of subcomponents.
final class ChoiceAttacks {
    private final AnswerUnderMasks answer;
    private final List<Integer> steps;

    /// What an adversary may move.
    enum Moved {
        /// Everything.
        ALL,
        /// Every subcomponent; weight deltas and remainders are 0.
        SUBCOMPONENTS,
        /// Those that are on in the decomposition.
        ON
    }

    /// Adversaries against one answer.
    ///
    /// @param steps of ascent, growing, after which the best so far is told
    ChoiceAttacks(AnswerUnderMasks answer, List<Integer> steps) {
        this.answer = answer;
        this.steps = List.copyOf(steps);
    }

    /// What a fresh adversary leaves of the answer.
    ///
    /// @param name of the choice, for the draws
    /// @param g its importances
    /// @param moved what the adversary may move
    List<Attack> on(String name, List<double[]> g, Moved moved) {
        return Scopes.run(() ->
                switch (moved) {
                    case ON -> onThose(name, g);
                    case ALL, SUBCOMPONENTS -> onAll(name, g, moved == Moved.ALL);
                });
    }

    private List<Attack> onAll(String name, List<double[]> g, boolean rest) {
        List<Tensor> lower = answer.tensors(g);
        Masking.Sources start = answer.sources(answer.key(name));
        if (!rest) {
            start.deltas().forEach(Tensor::zero_);
            start.remainders().forEach(Tensor::zero_);
        }
        SourceAscent ascent =
                new SourceAscent(
                        List.of(
                                new SourceAscent.Part(
                                        () -> answer.forward(lower), answer.divergence())),
                        start,
                        rest);
        List<Attack> attacks = new ArrayList<>();
        int taken = 0;
        for (int wanted : steps) {
            Reach reach = new Reach("--attack", wanted);
            for (int begun = taken; taken < wanted; taken++) {
                reach.done(taken - begun);
                ascent.step();
            }
            ascent.measure();
            attacks.add(new Attack(wanted, Math.exp(-ascent.largest())));
        }
        return attacks;
    }

    /// The ascent of those that are on in the decomposition.
    private List<Attack> onThose(String name, List<double[]> g) {
        List<Tensor> lower = answer.tensors(g);
        Masking.Sources drawn = answer.sources(answer.key(name));
        List<Tensor> worst = answer.sources(answer.key(name).with("on")).sources();
        worst.forEach(source -> source.requires_grad_(true));
        List<Attack> attacks = new ArrayList<>();
        double least = 1;
        int taken = 0;
        for (int wanted : steps) {
            Reach reach = new Reach("--attack", wanted);
            for (int begun = taken; taken < wanted; taken++) {
                reach.done(taken - begun);
                answer.ascend(lower, worst, drawn);
                least = Math.min(least, answer.probability(lower, answer.mixed(worst, drawn)));
            }
            least = Math.min(least, answer.probability(lower, answer.mixed(worst, drawn)));
            attacks.add(new Attack(wanted, least));
        }
        return attacks;
    }
}
