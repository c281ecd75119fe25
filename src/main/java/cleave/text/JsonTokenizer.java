package cleave.text;

import ai.djl.huggingface.tokenizers.jni.CharSpan;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import cleave.config.UserError;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// What a `tokenizer.json` describes, run by Hugging Face's own library.
///
/// The library always takes text that is written as a special token for that token. Where it is to
/// be text, a second reading of the file is used that has no special tokens to look for.
final class JsonTokenizer implements Tokenizer {
    private static final Cleaner CLEANER = Cleaner.create();

    /// How the token between texts is called, if the model's maker does not say otherwise.
    private static final List<String> BETWEEN_TEXTS =
            List.of("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "[EOS]", "<|im_end|>");

    /// How many of them mean the end of a text, and not of a turn in a conversation.
    private static final int CERTAIN = 2;

    private final String source;
    private final Handle plain;
    private final byte @Nullable [] withSpecial; // as UTF-8; null when there are no special tokens
    private @Nullable Handle whole; // of `withSpecial`, made when it is needed
    private final BitSet known; // the tokens there are
    private final Map<Integer, String> added; // tokens that stand for themselves
    private final BitSet special; // those of them that are special
    private final BitSet bytesWithoutToken;
    private final int endOfText; // -1 when there is none
    private final boolean ofBytes;
    private final int before; // how many tokens are put before a text
    private final int anchor; // a word, after which other tokens are decoded; -1 when there is none

    private JsonTokenizer(String source, TokenizerJson json, @Nullable String endOfText) {
        this.source = source;
        this.known = json.known();
        this.added = json.added();
        this.special = json.special();
        this.bytesWithoutToken = json.bytesWithoutToken();
        this.ofBytes = json.decodesBytes();
        this.anchor = json.word();
        this.endOfText = between(json, endOfText);
        this.plain = Handle.of(source, json.plain().toString());
        this.withSpecial =
                special.isEmpty() ? null : json.whole().toString().getBytes(StandardCharsets.UTF_8);
        this.before =
                plain.encoded(
                        "a",
                        (library, encoding) ->
                                leading(Integer.MAX_VALUE, library.getSpecialTokenMask(encoding)));
    }

    /// The tokenizer of a file's content.
    ///
    /// @param source what the file is called in messages
    /// @param root the content
    /// @param endOfText the name of the token that ends a text, as the files beside it give it;
    ///   null when they do not
    /// @throws UserError when the content is malformed or the library refuses it
    static JsonTokenizer of(String source, JsonNode root, @Nullable String endOfText) {
        return new JsonTokenizer(source, TokenizerJson.of(source, root), endOfText);
    }

    private static int between(TokenizerJson json, @Nullable String given) {
        List<String> names = new ArrayList<>(BETWEEN_TEXTS.subList(0, CERTAIN));
        if (given != null) {
            names.add(given);
        }
        names.addAll(BETWEEN_TEXTS.subList(CERTAIN, BETWEEN_TEXTS.size()));
        return names.stream().mapToInt(json::number).filter(id -> id >= 0).findFirst().orElse(-1);
    }

    @Override
    public int[] encode(String text) {
        requireTokens(text);
        return plain.encoded(
                text,
                (library, encoding) -> {
                    long[] ids = library.getTokenIds(encoding);
                    Kept kept = kept(library.getSpecialTokenMask(encoding));
                    return Arrays.stream(ids, 0, kept.to()).mapToInt(Math::toIntExact).toArray();
                });
    }

    @Override
    public Encoded encoded(String text, Special as) {
        requireTokens(text);
        int[] characters = text.codePoints().map(Character::charCount).toArray();
        int[] at = new int[characters.length + 1]; // index of each code point
        for (int i = 0; i < characters.length; i++) {
            at[i + 1] = at[i] + characters[i];
        }
        Handle handle = as == Special.AS_TOKENS ? whole() : plain;
        return handle.encoded(
                text,
                (library, encoding) -> {
                    long[] ids = library.getTokenIds(encoding);
                    CharSpan[] spans = library.getTokenCharSpans(encoding);
                    Kept kept = kept(library.getSpecialTokenMask(encoding));
                    List<Integer> tokens = new ArrayList<>();
                    List<Span> places = new ArrayList<>();
                    for (int t = 0; t < kept.to(); t++) {
                        tokens.add(Math.toIntExact(ids[t]));
                        @Nullable CharSpan span = spans[t];
                        places.add(
                                t < kept.added() || span == null
                                        ? new Span(0, 0)
                                        : new Span(at[span.getStart()], at[span.getEnd()]));
                    }
                    return new Encoded(text, tokens, kept.added(), places);
                });
    }

    /// The tokens of an encoding that are used: those of the text and those put before it, without
    /// those put after it.
    ///
    /// @param added how many of the first are put before the text
    /// @param to index after the last
    private record Kept(int added, int to) {}

    private Kept kept(long... mask) {
        int added = leading(before, mask);
        int to = mask.length;
        while (to > added && mask[to - 1] != 0) {
            to--;
        }
        return new Kept(added, to);
    }

    /// How many tokens are put before a text.
    ///
    /// @param most how many there are at most
    /// @param mask 1 for each token that is not the text's
    private static int leading(int most, long... mask) {
        int added = 0;
        while (added < Math.min(most, mask.length) && mask[added] != 0) {
            added++;
        }
        return added;
    }

    private void requireTokens(String text) {
        Tokenizer.requireUnicode(text);
        if (bytesWithoutToken.isEmpty()) {
            return;
        }
        for (byte each : text.getBytes(StandardCharsets.UTF_8)) {
            if (bytesWithoutToken.get(each & 0xFF)) {
                throw new UserError(
                        "text must consist of tokens of the vocabulary, got \"%s\" with byte %02x, which is none"
                                .formatted(text, each));
            }
        }
    }

    private synchronized Handle whole() {
        if (withSpecial == null) {
            return plain;
        }
        Handle made =
                whole == null
                        ? Handle.of(source, new String(withSpecial, StandardCharsets.UTF_8))
                        : whole;
        whole = made;
        return made;
    }

    @Override
    public String decode(int[] tokens) {
        for (int token : tokens) {
            if (!has(token)) {
                throw new IllegalArgumentException(
                        "token must be one of the vocabulary's, below %d, got %d"
                                .formatted(size(), token));
            }
        }
        Handle handle = Arrays.stream(tokens).anyMatch(special::get) ? whole() : plain;
        return handle.decoded(tokens);
    }

    @Override
    public String piece(int token) {
        String own = added.get(token);
        if (own != null) {
            return own;
        }
        return ofBytes || anchor < 0
                ? decode(new int[] {token})
                : decodeAfter(new int[] {anchor}, new int[] {token});
    }

    @Override
    public boolean has(int token) {
        return token >= 0 && known.get(token);
    }

    @Override
    public int endOfText() {
        if (endOfText < 0) {
            throw new UserError(
                    "tokens must have %s, the one between texts, got none (%s)"
                            .formatted(BETWEEN_TEXTS.getFirst(), source));
        }
        return endOfText;
    }

    @Override
    public int size() {
        return known.length();
    }

    /// A tokenizer of the library, freed when it is no longer used.
    private static final class Handle {
        private final TokenizersLibrary library;
        private final long address;

        private Handle(TokenizersLibrary library, long address) {
            this.library = library;
            this.address = address;
        }

        static Handle of(String source, String json) {
            TokenizersLibrary library = NativeTokenizers.library();
            long address;
            try {
                address = library.createTokenizerFromString(json);
            } catch (RuntimeException refused) {
                throw TokenizerJson.refused(
                        source, List.of("library refuses it: " + refused.getMessage()));
            }
            Handle handle = new Handle(library, address);
            CLEANER.register(handle, () -> library.deleteTokenizer(address));
            return handle;
        }

        /// What is read of the encoding of a text.
        @FunctionalInterface
        interface Reader<T> {
            T of(TokenizersLibrary library, long encoding);
        }

        <T> T encoded(String text, Reader<T> reader) {
            long encoding;
            try {
                encoding = library.encode(address, text, true);
            } catch (RuntimeException refused) {
                throw new UserError(
                        "text must consist of tokens of the vocabulary, got \"%s\" (%s)"
                                .formatted(text, refused.getMessage()),
                        refused);
            }
            try {
                return reader.of(library, encoding);
            } finally {
                library.deleteEncoding(encoding);
                Reference.reachabilityFence(this);
            }
        }

        String decoded(int... tokens) {
            try {
                return library.decode(
                        address, Arrays.stream(tokens).asLongStream().toArray(), false);
            } finally {
                Reference.reachabilityFence(this);
            }
        }
    }
}
