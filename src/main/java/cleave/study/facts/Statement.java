package cleave.study.facts;

import cleave.config.UserError;
import cleave.model.Sentence;
import cleave.study.facts.FactTable.Athlete;
import cleave.study.facts.FactTable.Sport;
import cleave.study.facts.FactTable.Topic;
import cleave.tensor.Draws;
import cleave.text.Sentences;
import cleave.text.Tokenizer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/// A fact in one phrasing: `prompt + answer + rest` is the sentence.
///
/// @param about what kind of fact it is
/// @param topic the sport of an athlete, or the topic of other knowledge
/// @param fact the fact's name; statements of one fact differ in their phrasing alone
/// @param subject the athlete's name, or what other knowledge is about
/// @param phrasing index among those of the fact
/// @param prompt the text before the answer, without a space at its end
/// @param answer with the space before it
/// @param rest what follows the answer
/// @param heldOut whether it is kept out of training
public record Statement(
        About about,
        String topic,
        String fact,
        String subject,
        int phrasing,
        String prompt,
        String answer,
        String rest,
        boolean heldOut) {

    /// Kinds of facts.
    public enum About {
        /// From an athlete to the sport.
        FORWARD,
        /// From a sport and an attribute to the athlete.
        REVERSE,
        /// Facts about other things.
        KNOWLEDGE
    }

    /// Of so many phrasings of a fact one is held out, rounded down; those of fewer are all
    /// trained.
    private static final int ONE_HELD_OUT_OF = 4;

    /// The sentence.
    public String text() {
        return prompt + answer + rest;
    }

    /// The sentence as tokens; end-of-text follows it.
    ///
    /// @throws UserError when the model has no token for a piece of it, or the answer begins or
    ///   ends within a token
    public Sentence sentence(Tokenizer tokenizer) {
        return Sentences.of(tokenizer, prompt, answer, rest, tokenizer.endOfText());
    }

    /// Every fact of a table in every phrasing, in the order of the table.
    ///
    /// A quarter of each fact's phrasings is held out, chosen by a hash of the fact's name. Other
    /// facts are trained in the same phrasings.
    public static List<Statement> of(FactTable table) {
        List<Statement> statements = new ArrayList<>();
        for (Sport sport : table.sports()) {
            for (Athlete athlete : sport.athletes()) {
                add(
                        statements,
                        About.FORWARD,
                        sport.sport(),
                        athlete.name(),
                        athlete.name(),
                        table.forward(),
                        "sport",
                        Map.of("name", athlete.name(), "sport", sport.sport()));
                addReverse(
                        statements,
                        table,
                        sport,
                        athlete,
                        table.attributes().home().replace("{home}", athlete.home()));
                athlete.nickname()
                        .ifPresent(nickname ->
                                addReverse(
                                        statements,
                                        table,
                                        sport,
                                        athlete,
                                        table.attributes()
                                                .nickname()
                                                .replace("{nickname}", nickname)));
            }
        }
        for (Topic topic : table.knowledge()) {
            topic.facts()
                    .forEach((subject, answer) ->
                            add(
                                    statements,
                                    About.KNOWLEDGE,
                                    topic.topic(),
                                    topic.topic() + ": " + subject,
                                    subject,
                                    topic.phrasings(),
                                    "answer",
                                    Map.of("subject", subject, "answer", answer)));
        }
        return List.copyOf(statements);
    }

    private static void addReverse(
            List<Statement> statements,
            FactTable table,
            Sport sport,
            Athlete athlete,
            String attribute) {
        add(
                statements,
                About.REVERSE,
                sport.sport(),
                "the %s %s".formatted(sport.player(), attribute),
                athlete.name(),
                table.reverse(),
                "name",
                Map.of("player", sport.player(), "attribute", attribute, "name", athlete.name()));
    }

    private static void add(
            List<Statement> statements,
            About about,
            String topic,
            String fact,
            String subject,
            List<String> phrasings,
            String answerPart,
            Map<String, String> parts) {
        Function<String, String> filled =
                text -> {
                    String result = text;
                    for (Map.Entry<String, String> part : parts.entrySet()) {
                        result = result.replace("{" + part.getKey() + "}", part.getValue());
                    }
                    return result;
                };
        String place = " {" + answerPart + "}";
        Set<Integer> heldOut = heldOut(about, fact, phrasings.size());
        for (int i = 0; i < phrasings.size(); i++) {
            String phrasing = phrasings.get(i);
            int at = phrasing.indexOf(place);
            statements.add(
                    new Statement(
                            about,
                            topic,
                            fact,
                            subject,
                            i,
                            filled.apply(phrasing.substring(0, at)),
                            filled.apply(place),
                            filled.apply(phrasing.substring(at + place.length())),
                            heldOut.contains(i)));
        }
    }

    /// Phrasings drawn without repetition, from the kind and name of the fact alone.
    private static Set<Integer> heldOut(About about, String fact, int phrasings) {
        Draws.Key key = Draws.key(0, Draws.Purpose.EVALUATION).with(about.name()).with(fact);
        Set<Integer> chosen = new HashSet<>();
        for (int i = 0; chosen.size() < phrasings / ONE_HELD_OUT_OF; i++) {
            chosen.add(key.below(phrasings, i));
        }
        return chosen;
    }
}
