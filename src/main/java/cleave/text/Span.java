package cleave.text;

/// The characters of a text that a token stands for, counted as Java counts them: a character
/// beyond U+FFFF counts twice.
///
/// @param from index of the first
/// @param to index after the last; `from` for a token that stands for none
public record Span(int from, int to) {

    /// Checks the order.
    public Span {
        if (from < 0 || to < from) {
            throw new IllegalArgumentException(
                    "span must begin at 0 or later and end after it begins, got %d..%d"
                            .formatted(from, to));
        }
    }

    /// Whether the two have a character in common.
    public boolean overlaps(Span other) {
        return Math.max(from, other.from) < Math.min(to, other.to);
    }

    /// The spans of tokens that follow each other without a gap.
    ///
    /// A token that holds a part of a character stands for all of it.
    ///
    /// @param text what the tokens make up
    /// @param bytes how many UTF-8 bytes of the text each token holds
    static Span[] ofBytes(String text, int... bytes) {
        int[] ends = new int[bytes.length]; // in bytes
        int sum = 0;
        for (int i = 0; i < bytes.length; i++) {
            sum += bytes[i];
            ends[i] = sum;
        }
        int[] character = new int[sum]; // index of the character of each byte
        int at = 0;
        for (int i = 0; i < text.length() && at < sum; i += step(text, i)) {
            int length = utf8(text.codePointAt(i));
            for (int b = 0; b < length && at < sum; b++) {
                character[at++] = i;
            }
        }
        Span[] spans = new Span[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] == 0) {
                int here = ends[i] < sum ? character[ends[i]] : text.length();
                spans[i] = new Span(here, here);
                continue;
            }
            int last = character[ends[i] - 1];
            spans[i] = new Span(character[ends[i] - bytes[i]], last + step(text, last));
        }
        return spans;
    }

    private static int step(String text, int at) {
        return Character.charCount(text.codePointAt(at));
    }

    private static int utf8(int codePoint) {
        return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
    }
}
