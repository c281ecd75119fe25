package cleave.analysis;

import cleave.facts.Statement;
import cleave.model.Sentence;
import cleave.model.TextTask.LossesAt;
import cleave.text.Tokenizer;
import java.util.List;

/// Sentences with answers that are asked together.
///
/// @param name as in tables
/// @param sentences at least one
/// @param losses where outputs are compared: ANSWER, or ALL for the effect on all of a text
public record QuestionGroup(String name, List<Sentence> sentences, LossesAt losses) {

    /// Checks that there is something to ask.
    public QuestionGroup {
        sentences = List.copyOf(sentences);
        if (sentences.isEmpty()) {
            throw new IllegalArgumentException(
                    "group of questions must not be empty, got none (%s)".formatted(name));
        }
    }

    /// Statements as questions.
    ///
    /// @throws cleave.config.UserError when the model has no token for a piece of one
    public static QuestionGroup of(
            String name, List<Statement> statements, Tokenizer tokenizer, LossesAt losses) {
        return new QuestionGroup(
                name,
                statements.stream().map(statement -> statement.sentence(tokenizer)).toList(),
                losses);
    }
}
