package cleave.text;

import cleave.config.UserError;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The byte-level byte-pair encoding of GPT-2: text is cut into words, a word into its bytes, and
/// neighbours are merged, the earliest merge of the list first, until none applies.
///
/// In a vocabulary a byte is written as a character of its own: itself where it can be printed, and
/// one from U+0100 on where it cannot. Text that looks like a special token is text like any other.
public final class BytePairTokenizer implements Tokenizer {
    /// How GPT-2 cuts text into words: a word takes the one space before it along.
    private static final Pattern WORD =
            Pattern.compile(
                    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
                    Pattern.UNICODE_CHARACTER_CLASS);

    /// How end-of-text is written in vocabularies.
    static final String END_OF_TEXT = "<|endoftext|>";

    private static final int NONE = Integer.MAX_VALUE;
    private static final char[] CHARACTER_OF_BYTE = characters();

    private final int[] ofByte = new int[256]; // the token of each byte, or -1
    private final Map<Long, Merge> merges = new HashMap<>();
    private final int endOfText;
    private final byte[] @Nullable [] bytes; // of each token; null where there is none

    private record Merge(int rank, int token) {}

    /// A tokenizer.
    ///
    /// @param vocabulary tokens by their text, in characters of bytes
    /// @param merges pairs of tokens, each as text, in the order in which they are merged
    /// @param added tokens that stand for themselves, end-of-text among them unless the vocabulary
    ///   holds it; no text is encoded as one
    /// @throws UserError when a merge has a part or a result that is no token, two tokens are one
    ///   number, or there is no end-of-text
    public BytePairTokenizer(
            Map<String, Integer> vocabulary, List<Pair> merges, Map<String, Integer> added) {
        this.endOfText = endOfText(vocabulary, added);
        this.bytes = bytes(vocabulary, added);
        for (int value = 0; value < ofByte.length; value++) {
            ofByte[value] = vocabulary.getOrDefault(String.valueOf(CHARACTER_OF_BYTE[value]), -1);
        }
        for (int rank = 0; rank < merges.size(); rank++) {
            Pair pair = merges.get(rank);
            Merge merge = new Merge(rank, token(pair.first() + pair.second(), pair, vocabulary));
            long key =
                    key(
                            token(pair.first(), pair, vocabulary),
                            token(pair.second(), pair, vocabulary));
            this.merges.putIfAbsent(key, merge);
        }
    }

    /// Two tokens that become one.
    public record Pair(String first, String second) {}

    private static int endOfText(Map<String, Integer> vocabulary, Map<String, Integer> added) {
        Integer token = added.getOrDefault(END_OF_TEXT, vocabulary.getOrDefault(END_OF_TEXT, -1));
        if (token < 0) {
            throw new UserError(
                    "tokens must have %s, the one between texts, got none".formatted(END_OF_TEXT));
        }
        return token;
    }

    private static int token(String text, Pair pair, Map<String, Integer> vocabulary) {
        Integer token = vocabulary.get(text);
        if (token == null) {
            throw new UserError(
                    "merges must be of tokens into tokens, got %s of %s %s, which is none"
                            .formatted(text, pair.first(), pair.second()));
        }
        return token;
    }

    private static long key(int first, int second) {
        return (long) first << 32 | second;
    }

    private static char[] characters() {
        char[] characters = new char[256];
        char next = 256;
        for (int value = 0; value < characters.length; value++) {
            boolean printed =
                    (value >= '!' && value <= '~')
                            || (value >= 0xA1 && value <= 0xAC)
                            || value >= 0xAE;
            characters[value] = printed ? (char) value : next++;
        }
        return characters;
    }

    private static byte[] @Nullable [] bytes(
            Map<String, Integer> vocabulary, Map<String, Integer> added) {
        SortedMap<Integer, byte[]> sorted = new TreeMap<>();
        added.forEach((text, token) -> sorted.put(token, text.getBytes(StandardCharsets.UTF_8)));
        vocabulary.forEach((text, token) -> {
            if (!added.containsKey(text) && sorted.put(token, ofCharacters(text)) != null) {
                throw new UserError(
                        "tokens must have numbers of their own, got two of number " + token);
            }
        });
        if (sorted.isEmpty() || sorted.firstKey() < 0) {
            throw new UserError(
                    "tokens must be numbers >= 0, got "
                            + (sorted.isEmpty() ? "none" : sorted.firstKey()));
        }
        byte[] @Nullable [] bytes = new byte[sorted.lastKey() + 1][];
        sorted.forEach((token, of) -> bytes[token] = of);
        return bytes;
    }

    /// The bytes that a token's characters stand for; a token that is written otherwise is text.
    private static byte[] ofCharacters(String text) {
        byte[] bytes = new byte[text.length()];
        for (int i = 0; i < bytes.length; i++) {
            int value = value(text.charAt(i));
            if (value < 0) {
                return text.getBytes(StandardCharsets.UTF_8);
            }
            bytes[i] = (byte) value;
        }
        return bytes;
    }

    private static int value(char character) {
        for (int value = 0; value < CHARACTER_OF_BYTE.length; value++) {
            if (CHARACTER_OF_BYTE[value] == character) {
                return value;
            }
        }
        return -1;
    }

    @Override
    public int[] encode(String text) {
        Tokens tokens = new Tokens();
        Matcher matcher = WORD.matcher(text);
        while (matcher.find()) {
            word(matcher.group(), tokens);
        }
        return tokens.toArray();
    }

    private void word(String word, Tokens into) {
        byte[] utf8 = word.getBytes(StandardCharsets.UTF_8);
        int[] parts = new int[utf8.length];
        for (int i = 0; i < parts.length; i++) {
            parts[i] = ofByte[utf8[i] & 0xFF];
            if (parts[i] < 0) {
                throw new UserError(
                        "text must consist of tokens of the vocabulary, got \"%s\" with byte %02x, which is none"
                                .formatted(word, utf8[i]));
            }
        }
        int[] ranks = new int[parts.length]; // of the merge with the next part
        int count = parts.length;
        for (int i = 0; i < count; i++) {
            ranks[i] = rank(parts, i, count);
        }
        while (true) {
            int best = 0;
            for (int i = 1; i < count; i++) {
                best = ranks[i] < ranks[best] ? i : best;
            }
            if (ranks[best] == NONE) {
                break;
            }
            parts[best] = merge(parts[best], parts[best + 1]).token();
            count--;
            System.arraycopy(parts, best + 2, parts, best + 1, count - best - 1);
            System.arraycopy(ranks, best + 2, ranks, best + 1, count - best - 1);
            ranks[best] = rank(parts, best, count);
            if (best > 0) {
                ranks[best - 1] = rank(parts, best - 1, count);
            }
        }
        for (int i = 0; i < count; i++) {
            into.add(parts[i]);
        }
    }

    private int rank(int[] parts, int at, int count) {
        Merge merge = at + 1 < count ? merges.get(key(parts[at], parts[at + 1])) : null;
        return merge == null ? NONE : merge.rank();
    }

    private Merge merge(int first, int second) {
        return Optional.ofNullable(merges.get(key(first, second))).orElseThrow();
    }

    @Override
    public String decode(int[] tokens) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int token : tokens) {
            byte[] of = token >= 0 && token < bytes.length ? bytes[token] : null;
            if (of == null) {
                throw new IllegalArgumentException(
                        "token must be one of the vocabulary's, below %d, got %d"
                                .formatted(bytes.length, token));
            }
            out.writeBytes(of);
        }
        return out.toString(StandardCharsets.UTF_8);
    }

    @Override
    public int endOfText() {
        return endOfText;
    }

    @Override
    public int size() {
        return bytes.length;
    }

    /// Tokens as they are found.
    private static final class Tokens {
        private int[] found = new int[16];
        private int count;

        void add(int token) {
            if (count == found.length) {
                found = Arrays.copyOf(found, 2 * count);
            }
            found[count++] = token;
        }

        int[] toArray() {
            return Arrays.copyOf(found, count);
        }
    }
}
