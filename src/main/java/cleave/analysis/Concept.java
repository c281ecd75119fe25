package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.model.Sentence;
import cleave.model.Task;
import cleave.model.TextTask.LossesAt;
import cleave.tensor.Scopes;
import java.util.List;
import java.util.Objects;

/// The subcomponents that a target's answer to one prompt rests on, what suppressing them changes
/// for it and for other questions, and what suppressing others changes (spec A10 to A12).
///
/// @param tokens of the prompt
/// @param answer the first token of the answer asked for after them
/// @param answerTokens all of the answer
/// @param before the probability of the whole answer, each token after the right ones before it
/// @param active the active subcomponents, those whose suppression lowers the answer most first
/// @param chosen those that are suppressed
/// @param after the whole answer's probability with these suppressed, in each way
/// @param maskedToEdited largest difference of a logit between masks everywhere and edited weights
/// @param effects on the prompt, then on each group that was given
/// @param controls others suppressed in place of the chosen
public record Concept(
        List<Integer> tokens,
        int answer,
        List<Integer> answerTokens,
        double before,
        List<Active> active,
        List<SubcomponentId> chosen,
        After after,
        double maskedToEdited,
        List<AnswerEffect> effects,
        List<Control> controls) {

    /// How many draws of controls.
    public static final int DRAWS = 3;

    /// Suppressing alone must lower the answer's log-probability by more than rounding does.
    static final double LEAST_EFFECT = 1e-5;

    /// What is suppressed, and where.
    ///
    /// @param threshold importance above which a subcomponent is active
    /// @param most how many are chosen at most
    /// @param at where they are suppressed
    /// @param within positions of the prompt at one of which a chosen subcomponent must be active;
    ///   empty for anywhere
    /// @param rare largest share of the other prompts on which a chosen subcomponent may be active
    /// @param sequences of the other prompts, which controls come from
    public record Settings(
            double threshold,
            int most,
            Change.At at,
            List<Integer> within,
            double rare,
            int sequences) {

        /// Checks the numbers.
        public Settings {
            within = List.copyOf(within);
            if (!(threshold >= 0 && threshold < 1)) {
                throw new IllegalArgumentException(
                        "threshold must be >= 0 and < 1, got " + threshold);
            }
            if (!(rare >= 0 && rare <= 1)) {
                throw new IllegalArgumentException("rare must be >= 0 and <= 1, got " + rare);
            }
            if (most < 1 || sequences < 1) {
                throw new IllegalArgumentException(
                        "number of subcomponents and sequences must be >= 1, got %d, %d"
                                .formatted(most, sequences));
            }
        }
    }

    /// An active subcomponent.
    ///
    /// @param subcomponent which
    /// @param positions where it is active, counted over the prompt and the answer but its last
    ///   token
    /// @param importance the largest at a position
    /// @param effect of suppressing it alone on the answer's log-probability, nats; negative lowers
    /// @param share of the other prompts on which it is active
    /// @param candidate whether it is active within the given positions and on few enough prompts
    public record Active(
            SubcomponentId subcomponent,
            List<Integer> positions,
            double importance,
            double effect,
            double share,
            boolean candidate) {}

    /// The answer's probability with the chosen suppressed.
    ///
    /// @param active by masks, only at the positions where each is active
    /// @param everywhere by masks at every position
    /// @param edited by taking them out of the weights
    public record After(double active, double everywhere, double edited) {}

    /// What is suppressed for comparison.
    public enum Kind {
        /// Subcomponents active on other prompts and not on this one, of nearest norm.
        ACTIVE_ELSEWHERE,
        /// Subcomponents active nowhere, of nearest norm.
        INACTIVE,
        /// As many of the largest singular directions of the same matrices.
        SINGULAR
    }

    /// Something suppressed in place of the chosen.
    ///
    /// @param kind what it is
    /// @param draw counted from 0
    /// @param count how many pieces; fewer than the chosen where there are no more
    /// @param effects on the prompt, then on each group that was given for controls
    public record Control(Kind kind, int draw, int count, List<AnswerEffect> effects) {}

    /// Finds what an answer rests on and asks what else it does.
    ///
    /// @param prompt the prompt and its answer, which ends the sentence
    /// @param groups what else is asked
    /// @param controlled the same for controls
    /// @param others the prompts that controls come from
    /// @throws IllegalArgumentException when the answer is not the end of the sentence, or a
    ///   sentence is longer than the target takes
    public static Concept of(
            Decomposition decomposition,
            Sentence prompt,
            List<QuestionGroup> groups,
            List<QuestionGroup> controlled,
            Task others,
            Settings settings) {
        return Objects.requireNonNull(
                Scopes.run(() ->
                        Scopes.withoutGradient(() -> {
                            try (ConceptSearch search =
                                    new ConceptSearch(decomposition, others, settings)) {
                                return search.concept(
                                        prompt,
                                        settings.within(),
                                        groups.stream().map(search::asked).toList(),
                                        controlled.stream().map(search::asked).toList());
                            }
                        })));
    }

    /// The prompt as a group of its own.
    static QuestionGroup group(Sentence prompt) {
        int count = prompt.tokens().size();
        if (prompt.answer() >= count || prompt.answerEnd() != count) {
            throw new IllegalArgumentException(
                    "answer must be the last tokens of the sentence, got tokens %d..%d of %d"
                            .formatted(prompt.answer(), prompt.answerEnd(), count));
        }
        return new QuestionGroup("this prompt", List.of(prompt), LossesAt.ANSWER);
    }
}
