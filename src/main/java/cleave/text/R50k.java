package cleave.text;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;
import com.knuddels.jtokkit.api.IntArrayList;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// The 50,257 byte-pair tokens of GPT-2.
public final class R50k implements Tokenizer {
    /// The token between texts.
    public static final int END_OF_TEXT = 50256;

    /// How end-of-text is written out.
    static final String END_OF_TEXT_NAME = "<|endoftext|>";

    private static final int SIZE = 50257;

    private final Encoding encoding =
            Encodings.newLazyEncodingRegistry().getEncoding(EncodingType.R50K_BASE);

    /// The tokens of a text. Text that looks like a special token is text like any other.
    @Override
    public int[] encode(String text) {
        Tokenizer.requireUnicode(text);
        return encoding.encodeOrdinary(text).toArray();
    }

    @Override
    public Encoded encoded(String text, Special special) {
        List<Integer> tokens = new ArrayList<>();
        for (int at = 0; ; ) {
            int mark = special == Special.AS_TOKENS ? text.indexOf(END_OF_TEXT_NAME, at) : -1;
            String ordinary = mark < 0 ? text.substring(at) : text.substring(at, mark);
            Arrays.stream(encode(ordinary)).forEach(tokens::add);
            if (mark < 0) {
                break;
            }
            tokens.add(END_OF_TEXT);
            at = mark + END_OF_TEXT_NAME.length();
        }
        int[] bytes = tokens.stream().mapToInt(token -> bytes(token).length).toArray();
        return new Encoded(text, tokens, 0, List.of(Span.ofBytes(text, bytes)));
    }

    @Override
    public String decode(int[] tokens) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int token : tokens) {
            if (token < 0 || token >= SIZE) {
                throw new IllegalArgumentException(
                        "token must be in 0..%d, got %d".formatted(SIZE - 1, token));
            }
            bytes.writeBytes(bytes(token));
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    private byte[] bytes(int token) {
        if (token == END_OF_TEXT) {
            return END_OF_TEXT_NAME.getBytes(StandardCharsets.UTF_8);
        }
        IntArrayList one = new IntArrayList(1);
        one.add(token);
        return encoding.decodeBytes(one);
    }

    @Override
    public int endOfText() {
        return END_OF_TEXT;
    }

    @Override
    public int size() {
        return SIZE;
    }
}
