package cleave.analysis;

import cleave.model.Sentence;
import cleave.model.TextTask.LossesAt;
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
}
