package cleave.study.facts;

import cleave.study.facts.Statement.About;
import java.util.List;
import java.util.Objects;
import java.util.Optional;

/// What can be asked beside an athlete's sport, to see what a change to the model does to it.
///
/// @param asked the statement itself
/// @param paraphrases the same in other phrasings
/// @param sameSport of the sport's other athletes, in the same phrasing
/// @param otherSports of the other sports' athletes, in the same phrasing
/// @param reverse from sport and attributes to the athlete, in every phrasing
/// @param knowledge about other things, held-out phrasings
public record Neighbours(
        Statement asked,
        List<Statement> paraphrases,
        List<Statement> sameSport,
        List<Statement> otherSports,
        List<Statement> reverse,
        List<Statement> knowledge) {

    /// Those of a statement.
    ///
    /// @param all every statement of the table
    /// @param asked one from an athlete to the sport
    public static Neighbours of(List<Statement> all, Statement asked) {
        List<Statement> forward =
                all.stream().filter(each -> each.about() == About.FORWARD).toList();
        return new Neighbours(
                asked,
                forward.stream()
                        .filter(each -> each.subject().equals(asked.subject()))
                        .filter(each -> each.phrasing() != asked.phrasing())
                        .toList(),
                forward.stream()
                        .filter(each -> each.phrasing() == asked.phrasing())
                        .filter(each -> each.topic().equals(asked.topic()))
                        .filter(each -> !each.subject().equals(asked.subject()))
                        .toList(),
                forward.stream()
                        .filter(each -> each.phrasing() == asked.phrasing())
                        .filter(each -> !each.topic().equals(asked.topic()))
                        .toList(),
                all.stream()
                        .filter(each -> each.about() == About.REVERSE)
                        .filter(each -> each.subject().equals(asked.subject()))
                        .toList(),
                knowledge(all));
    }

    /// The statements about other things, held-out phrasings.
    public static List<Statement> knowledge(List<Statement> all) {
        return all.stream()
                .filter(each -> each.about() == About.KNOWLEDGE && each.heldOut())
                .toList();
    }

    /// Those of the statement that this prompt and answer begin, or else of the athlete whom the
    /// prompt names and whose sport the answer is; empty where there is none.
    public static Optional<Neighbours> around(List<Statement> all, String prompt, String answer) {
        List<Statement> forward =
                all.stream()
                        .filter(each -> each.about() == About.FORWARD)
                        .filter(each -> each.answer().equals(answer))
                        .filter(each -> prompt.contains(each.subject()))
                        .toList();
        return forward.stream()
                .filter(each -> each.prompt().equals(prompt))
                .findFirst()
                .or(() -> forward.stream().findFirst())
                .map(asked -> of(all, Objects.requireNonNull(asked)));
    }
}
