package cleave.analysis;

import cleave.attribution.Attribution;
import cleave.config.UserError;
import cleave.model.Held;
import cleave.tensor.Scopes;
import java.util.List;
import java.util.function.DoubleConsumer;
import org.jspecify.annotations.Nullable;

/// The few subcomponents that keep the answer to one prompt, each at its positions, found by
/// fitting importances of their own to the prompt; and what other ways of choosing as many keep.
///
/// @param tokens the prompt's
/// @param answer the token that is kept
/// @param target its probability after the prompt, by the target
/// @param members what was found, the most important first
/// @param choices how well it keeps the answer, and how well others do
/// @param fitted whether an adversary took part in the fit; without one the choice may be
///   unfaithful: masks other than those that it was fitted under may take the answer away
/// @param minimality the coefficient of the fit that was taken
/// @param ceiling the answer's probability with every subcomponent whole at every position and
///   nothing of weight deltas and remainders. An adversary who may move all that is not chosen can
///   go there whatever is chosen, so that no choice keeps more of the answer against it
public record Explanation(
        List<String> tokens,
        PromptAttribution.Token answer,
        double target,
        List<Member> members,
        List<Choice> choices,
        boolean fitted,
        double minimality,
        double ceiling) {

    /// A subcomponent at a position.
    ///
    /// @param subcomponent `SITE:INDEX`
    /// @param importance that was fitted
    public record Member(String subcomponent, int position, double importance) {}

    /// How well a choice of subcomponents keeps the answer.
    ///
    /// @param name `importances` those of the decomposition, `fitted`, `greedy` what is left when
    ///   the one that matters least is taken away again and again, `attribution` those through
    ///   which most of the answer comes
    /// @param pieces how many subcomponents at positions there are
    /// @param importance the answer's probability under masks equal to the importances
    /// @param stochastic the mean over draws of stochastic masks
    /// @param rounded under masks of 1 where the importance is above 0.5
    /// @param attacks the least that an adversary found who sets all that is not of importance 1,
    ///   weight deltas and remainders too
    /// @param plateau whether the last of them took less than a tenth of what the one before left
    /// @param others the same where weight deltas and remainders stay away, as under masks equal to
    ///   the importances
    /// @param on the same where only those subcomponents are moved that are on in the
    ///   decomposition, and all else is drawn at random once: a weaker adversary, that of the peers
    public record Choice(
            String name,
            int pieces,
            double importance,
            double stochastic,
            double rounded,
            List<Attack> attacks,
            boolean plateau,
            List<Attack> others,
            List<Attack> on) {}

    /// What an adversary left of the answer.
    public record Attack(int steps, double probability) {}

    /// What is asked.
    ///
    /// @param steps of a fit
    /// @param adversary whether one takes part
    /// @param minimality coefficient of the importances' sum; null for the largest of 0.09 and its
    ///   halves at which the answer is kept
    /// @param keep which share of the target's probability is to be kept under importance,
    ///   stochastic and rounded masks
    /// @param pieces subcomponents at positions that may be chosen at most
    /// @param attacks numbers of steps of ascent, growing, after which an adversary's best is told
    /// @param seed of the draws
    public record Settings(
            int steps,
            boolean adversary,
            @Nullable Double minimality,
            double keep,
            int pieces,
            List<Integer> attacks,
            long seed) {
        /// Keeps its own list.
        public Settings {
            attacks = List.copyOf(attacks);
        }
    }

    /// Finds the few.
    ///
    /// @param answer the token as text; null for the most probable
    /// @param progress told now and then which share is done
    /// @throws UserError when the run refuses the text or the answer
    public static Explanation of(
            PromptRun run,
            String prompt,
            @Nullable String answer,
            Settings settings,
            DoubleConsumer progress) {
        PromptAttribution attribution =
                PromptAttribution.of(
                        run,
                        prompt,
                        answer,
                        null,
                        new Attribution.Settings(0, Attribution.Base.IMPORTANCE, Held.NORMS, 0, 0),
                        share -> progress.accept(0.1 * share));
        int[] ids = attribution.ids().stream().mapToInt(Integer::intValue).toArray();
        return Scopes.run(() ->
                new ExplanationSearch(
                                run.loaded().decomposition(),
                                run.loaded().file().streams().getFirst().weightDelta(),
                                ids,
                                attribution,
                                settings,
                                progress)
                        .result());
    }

    /// Whether the last attack took less than a tenth of what the one before left.
    public static boolean hasPlateau(List<Attack> attacks) {
        int last = attacks.size() - 1;
        return last >= 1
                && attacks.get(last).probability() > 0.9 * attacks.get(last - 1).probability();
    }
}
