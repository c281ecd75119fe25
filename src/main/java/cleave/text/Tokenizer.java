package cleave.text;

import cleave.config.UserError;

/// Text as the tokens of a model and back.
public interface Tokenizer {

    /// The tokens of a text; none for the empty text.
    ///
    /// @throws UserError when the model has no token for a piece of it
    int[] encode(String text);

    /// The text of tokens, end-of-text written out.
    ///
    /// @throws UserError for a token outside `0 .. size() - 1`
    String decode(int[] tokens);

    /// The token that stands between texts.
    int endOfText();

    /// The number of tokens.
    int size();
}
