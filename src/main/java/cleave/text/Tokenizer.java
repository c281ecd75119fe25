package cleave.text;

import cleave.config.UserError;
import java.util.Arrays;
import java.util.List;

/// Text as the tokens of a model and back.
public interface Tokenizer {

    /// What becomes of text that is written as a special token is, such as `<|endoftext|>`.
    enum Special {
        /// It is text like any other.
        AS_TEXT,
        /// It is that token.
        AS_TOKENS
    }

    /// The tokens of a text and where they lie in it. A token for the text's beginning comes first
    /// where the tokenizer says so; none is put at its end, so that a model can go on.
    ///
    /// @throws UserError when the model has no token for a piece of it, or it is no Unicode text
    Encoded encoded(String text, Special special);

    /// The numbers of a text's tokens, special tokens in it being text.
    ///
    /// @throws UserError when the model has no token for a piece of it, or it is no Unicode text
    default int[] encode(String text) {
        return encoded(text, Special.AS_TEXT).ids();
    }

    /// The text of tokens, special ones written out.
    ///
    /// @throws IllegalArgumentException for a number that is no token's
    String decode(int[] tokens);

    /// The text of one token as it stands within a text: a tokenizer that leaves the space before
    /// the first word out when it decodes shows it here.
    ///
    /// @throws IllegalArgumentException for a number that is no token's
    default String piece(int token) {
        return decode(new int[] {token});
    }

    /// The texts of single tokens, each in quotes, for messages.
    ///
    /// @throws IllegalArgumentException for a number that is no token's
    default List<String> shown(int... tokens) {
        return Arrays.stream(tokens).mapToObj(token -> '"' + piece(token) + '"').toList();
    }

    /// What tokens add to the text of those before them.
    ///
    /// @throws IllegalArgumentException for a number that is no token's
    default String decodeAfter(int[] before, int[] tokens) {
        int[] all = Arrays.copyOf(before, before.length + tokens.length);
        System.arraycopy(tokens, 0, all, before.length, tokens.length);
        String whole = decode(all);
        String first = decode(before);
        return whole.startsWith(first) ? whole.substring(first.length()) : decode(tokens);
    }

    /// Whether there is a token of this number.
    default boolean has(int token) {
        return token >= 0 && token < size();
    }

    /// The token that stands between texts.
    ///
    /// @throws UserError when there is none
    int endOfText();

    /// The number of tokens: one more than the largest of their numbers.
    int size();

    /// Refuses text that has half of a character that Java writes as two: it has no UTF-8 form.
    ///
    /// @throws UserError saying where
    static void requireUnicode(String text) {
        for (int i = 0; i < text.length(); ) {
            int codePoint = text.codePointAt(i);
            if (codePoint >= Character.MIN_SURROGATE && codePoint <= Character.MAX_SURROGATE) {
                throw new UserError(
                        "text must be Unicode, got half a character, \\u%04x, after %d others"
                                .formatted(codePoint, i));
            }
            i += Character.charCount(codePoint);
        }
    }
}
