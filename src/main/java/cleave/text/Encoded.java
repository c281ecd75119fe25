package cleave.text;

import cleave.config.UserError;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/// A text as tokens, and where in the text each of them lies.
///
/// @param text what was encoded
/// @param tokens their numbers
/// @param added how many of the first tokens the tokenizer puts before every text, such as one for
///   its beginning; they stand for no character
/// @param spans of each token
public record Encoded(String text, List<Integer> tokens, int added, List<Span> spans) {

    /// Checks the counts.
    public Encoded {
        tokens = List.copyOf(tokens);
        spans = List.copyOf(spans);
        if (spans.size() != tokens.size() || added < 0 || added > tokens.size()) {
            throw new IllegalArgumentException(
                    "tokens must have a span each, got %d tokens, %d of them added, and %d spans"
                            .formatted(tokens.size(), added, spans.size()));
        }
    }

    /// The tokens' numbers.
    public int[] ids() {
        return tokens.stream().mapToInt(Integer::intValue).toArray();
    }

    /// Tokens chosen by the characters they stand for.
    ///
    /// @param positions of the tokens
    /// @param cut those of them that stand for other characters too, leaving aside space before the
    ///   piece, which tokens take along
    public record Selection(List<Integer> positions, List<Integer> cut) {

        /// Keeps both as they are.
        public Selection {
            positions = List.copyOf(positions);
            cut = List.copyOf(cut);
        }
    }

    /// The tokens that a piece of the text lies in, where it first occurs.
    ///
    /// @throws UserError when the text does not hold the piece, or no token stands for it
    public Selection within(String piece) {
        int from = text.indexOf(piece);
        if (from < 0 || piece.isEmpty()) {
            throw new UserError("prompt must hold \"%s\", got \"%s\"".formatted(piece, text));
        }
        Span wanted = new Span(from, from + piece.length());
        List<Integer> positions = new ArrayList<>();
        List<Integer> cut = new ArrayList<>();
        for (int t = 0; t < spans.size(); t++) {
            Span span = spans.get(t);
            if (!span.overlaps(wanted)) {
                continue;
            }
            positions.add(t);
            boolean before = span.from() < from && !isSpace(span.from(), from);
            if (before || span.to() > wanted.to()) {
                cut.add(t);
            }
        }
        if (positions.isEmpty()) {
            throw new UserError(
                    "piece of the prompt must have a token, got \"%s\", for which there is none"
                            .formatted(piece));
        }
        return new Selection(positions, cut);
    }

    private boolean isSpace(int from, int to) {
        return IntStream.range(from, to).allMatch(i -> Character.isWhitespace(text.charAt(i)));
    }
}
