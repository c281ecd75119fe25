package cleave.study.facts;

import cleave.analysis.AnswerEffect;
import cleave.analysis.Concept;
import cleave.analysis.Concept.Control;
import cleave.analysis.Concept.Kind;
import cleave.analysis.ConceptSearch;
import cleave.analysis.Quartiles;
import cleave.analysis.QuestionGroup;
import cleave.analysis.Questions;
import cleave.analysis.TextRun;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.model.Sentence;
import cleave.model.Task;
import cleave.model.TextTask.LossesAt;
import cleave.tensor.Scopes;
import cleave.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.ToDoubleFunction;

/// What suppressing each fact's own subcomponents does, fact by fact (spec A13).
///
/// @param facts in the order asked
/// @param summary over all of them
public record FactEffects(List<FactEffect> facts, Summary summary) {

    /// One athlete's sport.
    ///
    /// @param athlete whose sport is asked
    /// @param sport the answer
    /// @param active how many subcomponents are active on the prompt
    /// @param chosen how many were suppressed
    /// @param before probability of the sport
    /// @param after the same with the chosen suppressed
    /// @param fall how many times smaller it is after
    /// @param paraphrases share of the other phrasings whose top token is unchanged
    /// @param sameSport share of the sport's other athletes whose top token is unchanged
    /// @param otherSports the same of the other sports' athletes
    /// @param specificity the same of all other athletes
    /// @param reverse share of reverse questions whose every answer token is unchanged on top
    /// @param otherText share of held-out questions about other things whose top token is unchanged
    /// @param sideEffect KL on held-out other text, mean over positions, nats
    /// @param elsewhere change of the probability, relative, when as many that are active on other
    ///   prompts alone are suppressed, the largest of the draws; 0 where nothing was chosen
    /// @param inactive the same for inactive ones
    /// @param singular the same for singular directions
    public record FactEffect(
            String athlete,
            String sport,
            int active,
            int chosen,
            double before,
            double after,
            double fall,
            double paraphrases,
            double sameSport,
            double otherSports,
            double specificity,
            double reverse,
            double otherText,
            double sideEffect,
            double elsewhere,
            double inactive,
            double singular) {}

    /// Medians and quarters over facts.
    ///
    /// @param facts how many
    /// @param fall of the answer's probability
    /// @param specificity share of other athletes unchanged
    /// @param wholly share of facts for which all other athletes' top tokens are unchanged
    /// @param reverse share of reverse questions unchanged
    /// @param reverseWholly share of facts for which every reverse question is unchanged
    /// @param sideEffect KL on other text
    /// @param chosen how many were suppressed
    /// @param elsewhere relative change by the control
    /// @param inactive relative change by the control
    /// @param singular relative change by the control
    public record Summary(
            int facts,
            Quartiles fall,
            Quartiles specificity,
            double wholly,
            Quartiles reverse,
            double reverseWholly,
            Quartiles sideEffect,
            Quartiles chosen,
            Quartiles elsewhere,
            Quartiles inactive,
            Quartiles singular) {

        private static Summary of(List<FactEffect> facts) {
            return new Summary(
                    facts.size(),
                    quartiles(facts, FactEffect::fall),
                    quartiles(facts, FactEffect::specificity),
                    whole(facts, FactEffect::specificity),
                    quartiles(facts, FactEffect::reverse),
                    whole(facts, FactEffect::reverse),
                    quartiles(facts, FactEffect::sideEffect),
                    quartiles(facts, FactEffect::chosen),
                    quartiles(facts, FactEffect::elsewhere),
                    quartiles(facts, FactEffect::inactive),
                    quartiles(facts, FactEffect::singular));
        }

        private static Quartiles quartiles(
                List<FactEffect> facts, ToDoubleFunction<FactEffect> figure) {
            return Quartiles.of(facts.stream().mapToDouble(figure).boxed().toList());
        }

        private static double whole(List<FactEffect> facts, ToDoubleFunction<FactEffect> share) {
            return (double) facts.stream().filter(each -> share.applyAsDouble(each) == 1).count()
                    / facts.size();
        }
    }

    /// Asks about every given fact.
    ///
    /// @param asked statements from an athlete to the sport, each with what is asked beside it
    /// @param tokenizer of the target
    /// @param others the prompts that controls come from
    /// @param settings without positions
    /// @param atName whether the chosen must be active at a token of the athlete's name
    /// @param each is told of every fact when it is done
    /// @throws UserError when there is no fact, a sport is not one token, or a sentence does not
    ///   fit the target
    public static FactEffects of(
            Decomposition decomposition,
            List<Neighbours> asked,
            Tokenizer tokenizer,
            Task others,
            Concept.Settings settings,
            boolean atName,
            Consumer<FactEffect> each) {
        if (asked.isEmpty()) {
            throw new UserError("facts must be at least one, got none");
        }
        List<FactEffect> facts =
                Objects.requireNonNull(
                        Scopes.run(() ->
                                Scopes.withoutGradient(() -> {
                                    try (ConceptSearch search =
                                            new ConceptSearch(decomposition, others, settings)) {
                                        Questions text =
                                                search.asked(
                                                        group(
                                                                "other text",
                                                                asked.getFirst().knowledge(),
                                                                tokenizer,
                                                                LossesAt.ALL));
                                        List<FactEffect> done = new ArrayList<>();
                                        for (Neighbours fact : asked) {
                                            FactEffect effect =
                                                    Objects.requireNonNull(
                                                            Scopes.run(() ->
                                                                    one(
                                                                            search, fact, text,
                                                                            tokenizer, atName)));
                                            done.add(effect);
                                            each.accept(effect);
                                        }
                                        return List.copyOf(done);
                                    }
                                })));
        return new FactEffects(facts, Summary.of(facts));
    }

    private static FactEffect one(
            ConceptSearch search,
            Neighbours fact,
            Questions text,
            Tokenizer tokenizer,
            boolean atName) {
        Statement asked = fact.asked();
        List<Questions> groups = new ArrayList<>();
        for (QuestionGroup group : groups(fact, tokenizer)) {
            groups.add(search.asked(group));
        }
        groups.add(text);
        Concept concept =
                search.concept(
                        prompt(asked, tokenizer),
                        atName
                                ? TextRun.positions(tokenizer, asked.prompt(), asked.subject())
                                : List.of(),
                        groups,
                        List.of());
        List<AnswerEffect> effects = concept.effects();
        AnswerEffect own = effects.get(0);
        AnswerEffect same = effects.get(2);
        AnswerEffect other = effects.get(3);
        return new FactEffect(
                asked.subject(),
                asked.topic(),
                concept.active().size(),
                concept.chosen().size(),
                own.before(),
                own.after(),
                1 / own.ratio(),
                effects.get(1).unchanged(),
                same.unchanged(),
                other.unchanged(),
                (same.unchanged() * same.questions() + other.unchanged() * other.questions())
                        / (same.questions() + other.questions()),
                effects.get(4).unchanged(),
                effects.get(5).unchanged(),
                effects.get(5).kl(),
                change(concept, Kind.ACTIVE_ELSEWHERE),
                change(concept, Kind.INACTIVE),
                change(concept, Kind.SINGULAR));
    }

    private static double change(Concept concept, Kind kind) {
        return concept.controls().stream()
                .filter(control -> control.kind() == kind)
                .map(Control::effects)
                .mapToDouble(effects -> Math.abs(effects.getFirst().ratio() - 1))
                .max()
                .orElse(0);
    }

    /// A statement's prompt with its answer, without what follows.
    ///
    /// @throws UserError when the model has no token for a piece of it
    public static Sentence prompt(Statement statement, Tokenizer tokenizer) {
        Sentence whole = statement.sentence(tokenizer);
        return new Sentence(
                whole.tokens().subList(0, whole.answerEnd()),
                Sentence.UNKNOWN,
                whole.answer(),
                whole.answerEnd());
    }

    /// What is asked beside a fact, but for other text: its paraphrases, other athletes of the
    /// sport, those of other sports, and the reverse question.
    ///
    /// @throws UserError when the model has no token for a piece of one
    public static List<QuestionGroup> groups(Neighbours fact, Tokenizer tokenizer) {
        return List.of(
                group("paraphrases", fact.paraphrases(), tokenizer, LossesAt.ANSWER),
                group("same sport", fact.sameSport(), tokenizer, LossesAt.ANSWER),
                group("other sports", fact.otherSports(), tokenizer, LossesAt.ANSWER),
                group("reverse", fact.reverse(), tokenizer, LossesAt.ANSWER));
    }

    /// Statements as questions.
    ///
    /// @throws UserError when the model has no token for a piece of one
    static QuestionGroup group(
            String name, List<Statement> statements, Tokenizer tokenizer, LossesAt losses) {
        return new QuestionGroup(
                name,
                statements.stream().map(statement -> statement.sentence(tokenizer)).toList(),
                losses);
    }
}
