package cleave.model;

import java.util.List;

/// A text as tokens, and where its answer lies.
///
/// @param tokens of the text, at least one
/// @param next the token that follows the text; UNKNOWN when nothing is known to follow
/// @param answer index of the answer's first token, at least 1; the number of tokens when the
///   answer is what follows
/// @param answerEnd index after the answer's last token; `answer` when the answer is what follows
public record Sentence(List<Integer> tokens, int next, int answer, int answerEnd) {
    /// Stands for a token that is not known.
    public static final int UNKNOWN = -1;

    /// Checks that the answer lies within the text.
    public Sentence {
        tokens = List.copyOf(tokens);
        if (tokens.isEmpty() || answer < 1 || answer > answerEnd || answerEnd > tokens.size()) {
            throw new IllegalArgumentException(
                    "answer of a sentence must lie within its tokens, after the first, got %d..%d of %d tokens"
                            .formatted(answer, answerEnd, tokens.size()));
        }
    }

    /// A text whose answer is what follows it.
    public static Sentence of(List<Integer> tokens, int next) {
        return new Sentence(tokens, next, tokens.size(), tokens.size());
    }

    /// The token at an index, or the one that follows the text.
    int at(int index) {
        return index < tokens.size() ? tokens.get(index) : next;
    }
}
