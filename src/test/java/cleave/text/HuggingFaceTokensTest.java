package cleave.text;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.text.Tokenizer.Special;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.api.parallel.Resources;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Tokens, spans and decoded text against Hugging Face's own library, called from Python
/// (`src/test/golden/tokenizers_reference.py`).
class HuggingFaceTokensTest {
    private static final Path FOLDER = Path.of("src/test/resources/golden/tokenizers");
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private static JsonNode packed(String name) throws IOException {
        try (InputStream in =
                new GZIPInputStream(Files.newInputStream(FOLDER.resolve(name + ".json.gz")))) {
            return JSON.readTree(in);
        }
    }

    private static Tokenizer tokenizer(String kind) throws IOException {
        Path file = FOLDER.resolve(kind + ".json");
        return Tokenizers.ofJson(file.toString(), Files.readString(file), null);
    }

    private static List<String> lines() throws IOException {
        List<String> lines = new ArrayList<>();
        packed("lines").forEach(line -> lines.add(line.stringValue()));
        return lines;
    }

    private static int[] numbers(JsonNode list) {
        int[] numbers = new int[list.size()];
        Arrays.setAll(numbers, i -> list.get(i).intValue());
        return numbers;
    }

    /// @param before how many tokens the tokenizer puts before a text
    /// @param after how many it puts after one, which are left out here
    @ParameterizedTest
    @CsvSource({
        "bytes, 0, 0",
        "bytes-ignore-merges, 1, 0",
        "bytes-no-regex, 0, 0",
        "bytes-spaces, 0, 0",
        "word-piece, 0, 1",
        "unigram, 1, 1",
        "byte-fallback, 1, 0"
    })
    @ResourceLock(Resources.LOCALE)
    void aThousandLinesAreItsTokensInEveryLocale(String kind, int before, int after)
            throws IOException {
        List<String> lines = lines();
        assertThat(lines).hasSize(1000);
        JsonNode expected = packed(kind + ".ids");
        Locale usual = Locale.getDefault();
        try {
            for (String tag : List.of("", "de-DE", "tr-TR")) {
                Locale.setDefault(Locale.forLanguageTag(tag));
                Tokenizer tokenizer = tokenizer(kind);
                for (int i = 0; i < lines.size(); i++) {
                    requireLine(tokenizer, lines.get(i), expected, i, before, after);
                }
            }
        } finally {
            Locale.setDefault(usual);
        }
    }

    private static void requireLine(
            Tokenizer tokenizer, String line, JsonNode expected, int i, int before, int after) {
        int[] text = numbers(expected.get("text").get(i));
        int[] kept = Arrays.copyOf(text, text.length - after);
        int[] found = tokenizer.encode(line);
        assertThat(found).as(line).isEqualTo(kept);
        Encoded plain = tokenizer.encoded(line, Special.AS_TEXT);
        assertThat(plain.ids()).as(line).isEqualTo(kept);
        assertThat(plain.added()).isEqualTo(before);
        assertThat(tokenizer.decode(Arrays.copyOfRange(kept, before, kept.length)))
                .as(line)
                .isEqualTo(expected.get("decoded").get(i).stringValue());

        int[] special = numbers(expected.get("special").get(i));
        Encoded encoded = tokenizer.encoded(line, Special.AS_TOKENS);
        assertThat(encoded.ids())
                .as(line)
                .isEqualTo(Arrays.copyOf(special, special.length - after));
        assertThat(encoded.added()).isEqualTo(before);
        int[] places = numbers(expected.get("spans").get(i)); // in code points
        List<Span> spans = new ArrayList<>();
        for (int t = 0; t < special.length - after; t++) {
            spans.add(
                    new Span(
                            line.offsetByCodePoints(0, places[2 * t]),
                            line.offsetByCodePoints(0, places[2 * t + 1])));
        }
        assertThat(encoded.spans()).as(line).isEqualTo(spans);
    }

    @Test
    void filesInMemoryAreATokenizerToo() throws IOException {
        byte[] json = Files.readAllBytes(FOLDER.resolve("unigram.json"));
        byte[] settings = "{\"eos_token\": \"<s>\"}".getBytes(StandardCharsets.UTF_8);
        Tokenizer tokenizer =
                Tokenizers.of(
                                "file.gguf",
                                Map.of("tokenizer.json", json, "tokenizer_config.json", settings))
                        .orElseThrow();
        assertThat(tokenizer.piece(tokenizer.endOfText())).isEqualTo("<s>");
        assertThat(tokenizer.encode("the fox")).isEqualTo(tokenizer("unigram").encode("the fox"));
        assertThat(Tokenizers.of("file.gguf", Map.of("tokenizer_config.json", settings))).isEmpty();
    }

    @Test
    void aTokenIsShownAsItStandsWithinText() throws IOException {
        for (String kind : List.of("bytes", "unigram", "byte-fallback")) {
            Tokenizer tokenizer = tokenizer(kind);
            int[] tokens = tokenizer.encode("the basketball");
            StringBuilder shown = new StringBuilder();
            Arrays.stream(tokens).forEach(token -> shown.append(tokenizer.piece(token)));
            String begins = kind.equals("bytes") ? "the basketball" : "<s> the basketball";
            assertThat(shown.toString()).as(kind).isEqualTo(begins);
        }
        Tokenizer words = tokenizer("word-piece");
        assertThat(words.piece(words.endOfText())).isEqualTo("[EOS]");
        int[] tokens = words.encode("The fox");
        assertThat(words.decode(tokens)).isEqualTo("the fox");
        assertThat(words.piece(tokens[tokens.length - 1])).endsWith("x");
    }

    @Test
    void generatedTextKeepsTheSpaceBeforeItsFirstWord() throws IOException {
        Tokenizer tokenizer = tokenizer("unigram");
        int[] all = tokenizer.encode("the sport of basketball");
        int[] first = tokenizer.encode("the sport of");
        assertThat(Arrays.copyOf(all, first.length)).isEqualTo(first);
        int[] rest = Arrays.copyOfRange(all, first.length, all.length);
        assertThat(tokenizer.decode(rest)).isEqualTo("basketball");
        assertThat(tokenizer.decodeAfter(first, rest)).isEqualTo(" basketball");
    }

    @Test
    void theTokenBetweenTextsIsFoundByItsName() throws IOException {
        Tokenizer bytes = tokenizer("bytes");
        assertThat(bytes.piece(bytes.endOfText())).isEqualTo("<|endoftext|>");
        Tokenizer unigram = tokenizer("unigram");
        assertThat(unigram.piece(unigram.endOfText())).isEqualTo("</s>");
        String json = Files.readString(FOLDER.resolve("unigram.json"), StandardCharsets.UTF_8);
        Tokenizer told = Tokenizers.ofJson("unigram.json", json, "<s>");
        assertThat(told.piece(told.endOfText())).isEqualTo("<s>");
    }
}
