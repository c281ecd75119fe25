package cleave.study;

import cleave.analysis.Change;
import cleave.analysis.QuestionGroup;
import cleave.analysis.TextRun;
import java.util.List;
import java.util.Optional;

/// What a study asks of a run when `cleave concept` suppresses what one answer rests on.
public interface ConceptQuestions {
    /// The names of its groups, which no group of the user's may have.
    List<String> names();

    /// What its other text is, for the help of `cleave concept`.
    String otherTextIs();

    /// Why a run that has tokens for the questions cannot be asked them; empty where it can, or has
    /// no such tokens.
    ///
    /// @param at where what the answer rests on is suppressed
    Optional<String> problem(TextRun run, Change.At at);

    /// What is asked beside a prompt that the study knows.
    List<QuestionGroup> beside(TextRun run, String prompt, String answer, Change.At at);

    /// Text that the prompt has nothing to do with; empty where the run cannot be asked any.
    ///
    /// @param name of the group
    Optional<QuestionGroup> otherText(TextRun run, String name, Change.At at);
}
