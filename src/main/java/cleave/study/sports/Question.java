package cleave.study.sports;

import cleave.model.Sentence;
import cleave.text.Sentences;
import cleave.text.Tokenizer;

/// One fact in one phrasing.
///
/// @param subject whom it is about
/// @param topic the answer's word, which other subjects may share
/// @param phrasing number of its wording among the subject's, from 0
/// @param prompt the text before the answer
/// @param answer with the space before it
record Question(String subject, String topic, int phrasing, String prompt, String answer) {

    /// The question as tokens.
    ///
    /// @throws cleave.config.UserError when the model has no token for a piece of it, or the answer
    ///   begins within a token
    Sentence sentence(Tokenizer tokenizer) {
        return Sentences.of(tokenizer, prompt, answer, "", Sentence.UNKNOWN);
    }
}
