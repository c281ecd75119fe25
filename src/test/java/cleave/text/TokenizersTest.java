package cleave.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import cleave.config.UserError;
import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizersTest {
    /// Pieces of many kinds of text; a line is a few of them by chance.
    private static final List<String> PIECES =
            List.of(
                    "Kobe Bryant plays the sport of",
                    " basketball",
                    "The",
                    " quick",
                    "brown",
                    "fox",
                    " ",
                    "  ",
                    "   ",
                    "\t",
                    "\n",
                    "\r\n",
                    "\n\n\n",
                    "\u00a0",
                    "\u2003",
                    "\u0085",
                    "0",
                    "1234567890",
                    "3.14159",
                    "-17",
                    "1e-5",
                    "²",
                    "½",
                    "٣",
                    "Ⅷ",
                    "don't",
                    "I'll",
                    "we're",
                    "they've",
                    "I'm",
                    "he'd",
                    "it's",
                    "O'Neil",
                    "'T",
                    "naïve",
                    "Ünïcödé",
                    "straße",
                    "ελληνικά",
                    "русский",
                    "日本語",
                    "한국어",
                    "עברית",
                    "العربية",
                    "हिन्दी",
                    "ไทย",
                    "e\u0301",
                    "\u200d",
                    "\ufeff",
                    "😀",
                    "👩‍👩‍👧‍👦",
                    "🇫🇷",
                    "👍🏽",
                    "𝔘𝔫𝔦",
                    "∑∫√",
                    "—",
                    "…",
                    "“quoted”",
                    "!!!",
                    "?!",
                    "()[]{}",
                    "<b>",
                    "</b>",
                    "&amp;",
                    "#hash",
                    "@name",
                    "https://example.org/a?b=c&d=%20",
                    "a_b_c",
                    "camelCase",
                    "x=y;",
                    "/* c */",
                    "\\n",
                    "\"",
                    "`code`",
                    "~",
                    "^",
                    "|",
                    "$100",
                    "€5",
                    "100%",
                    "\u0000",
                    "\u001b[0m",
                    "aaaaaaaaaaaaaaaaaaaaaaaa",
                    "<|endoftext|>");

    private static R50kFiles files;
    @TempDir private Path folder;

    @BeforeAll
    static void read() {
        files = new R50kFiles();
    }

    @ParameterizedTest
    @ValueSource(strings = {"two", "published", "one"})
    void aThousandLinesAreGpt2sTokensAndComeBack(String form) throws IOException {
        switch (form) {
            case "two" -> files.writeTwo(folder);
            case "published" -> files.writePublished(folder);
            default -> files.writeOne(folder);
        }
        Tokenizer tokenizer = Tokenizers.in(folder).orElseThrow();
        R50k whole = new R50k();
        List<String> lines = lines(1000);
        assertThat(lines.stream().distinct().count()).isGreaterThan(900);
        for (String line : lines) {
            int[] tokens = tokenizer.encode(line);
            assertThat(tokens).as(line).isEqualTo(whole.encode(line));
            assertThat(tokenizer.decode(tokens)).isEqualTo(line);
        }
        assertThat(tokenizer.size()).isEqualTo(50257);
        assertThat(tokenizer.endOfText()).isEqualTo(50256);
        assertThat(tokenizer.decode(new int[] {50256})).isEqualTo("<|endoftext|>");
    }

    private static List<String> lines(int count) {
        List<String> lines = new ArrayList<>(List.of(""));
        for (int line = 1; line < count; line++) {
            Draws.Key key = Draws.key(7, Purpose.DATA).with(line);
            StringBuilder text = new StringBuilder();
            int pieces = 1 + key.below(9, 0);
            for (int i = 0; i < pieces; i++) {
                text.append(PIECES.get(key.below(PIECES.size(), 1 + 2L * i)));
                if (key.below(2, 2 + 2L * i) == 1) {
                    text.append(' ');
                }
            }
            lines.add(text.toString());
        }
        return lines;
    }

    @Test
    void halfACharacterIsReplacedAndUnknownTokensAreRefused() throws IOException {
        files.writeTwo(folder);
        Tokenizer tokenizer = Tokenizers.in(folder).orElseThrow();
        int[] emoji = tokenizer.encode("😀");
        assertThat(tokenizer.decode(new int[] {emoji[0]})).contains("\ufffd");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> tokenizer.decode(new int[] {50257}))
                .withMessage("token must be one of the vocabulary's, below 50257, got 50257");
    }

    /// "ab" is one token: "a" and "b" are merged, " " before them stays alone.
    @Test
    void aSmallVocabularyWorksByHand() throws IOException {
        Files.writeString(
                folder.resolve("vocab.json"),
                "{\"a\": 0, \"b\": 1, \"\u0120\": 2, \"ab\": 3, \"<|endoftext|>\": 4}");
        Files.writeString(folder.resolve("merges.txt"), "a b\n");
        Tokenizer tokenizer = Tokenizers.in(folder).orElseThrow();
        assertThat(tokenizer.encode("ab aabb")).containsExactly(3, 2, 0, 3, 1);
        assertThat(tokenizer.decode(new int[] {3, 2, 0})).isEqualTo("ab a");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> tokenizer.encode("abc"))
                .withMessageContaining("got \"abc\" with byte 63, which is none");
    }

    @Test
    void aFolderWithoutATokenizerHasNone() {
        assertThat(Tokenizers.in(folder)).isEmpty();
    }

    @Test
    void malformedFilesAreNamedWithAllTheirProblems() throws IOException {
        Path one = folder.resolve("tokenizer.json");
        Files.writeString(
                one,
                """
                {"normalizer": {"type": "NFC"}, "pre_tokenizer": {"type": "Whitespace"},
                 "model": {"type": "Sentences", "vocab": {"a": 0}}}
                """);
        refused("1 problem", "model.type must be one of [BPE, Unigram, WordLevel, WordPiece], got");
        Files.writeString(one, "{");
        refused("must be JSON");
        String start =
                "{\"pre_tokenizer\": {\"type\": \"ByteLevel\"}, \"model\": {\"type\": \"BPE\", ";
        Files.writeString(one, start + "\"vocab\": {}, \"merges\": [\"a\"]}}");
        refused("2 problems", "vocabulary must map", "merges must be pairs of tokens, got \"a\"");
        Files.writeString(
                one,
                "{\"pre_tokenizer\": {\"type\": \"ByteLevel\"}, \"model\": {\"vocab\": {\"a\": 0}}}");
        refused("1 problem", "merges must be a list of pairs of tokens, got none");
        Files.writeString(one, start + "\"vocab\": {\"a\": 0, \"b\": 0}, \"merges\": []}}");
        refused("tokens must have numbers of their own, got two of number 0");
        Files.writeString(
                one,
                start + "\"vocab\": {\"<|endoftext|>\": 1, \"a\": 0}, \"merges\": [\"a b\"]}}");
        refused("merges must be of tokens into tokens, got ab of a b");
        Files.delete(one);
        Files.writeString(folder.resolve("vocab.json"), "{\"a\": 0}");
        refused("tokenizer must have both vocab.json and merges.txt");
        Files.writeString(folder.resolve("merges.txt"), "#version: 0.2\na b c\n");
        refused("merges.txt:2 must be two tokens, got a b c");
    }

    @Test
    void whatTheLibraryRefusesIsNamed() throws IOException {
        Path one = folder.resolve("tokenizer.json");
        Files.writeString(
                one,
                "{\"pre_tokenizer\": {\"type\": \"NoneSuch\"}, \"model\": {\"type\": \"WordLevel\", \"vocab\": {\"a\": 0}, \"unk_token\": \"a\"}}");
        refused("1 problem", "library refuses it: data did not match any variant");
        Files.writeString(
                one,
                "{\"added_tokens\": [{\"id\": 7, \"content\": \"<s>\"}], \"model\": {\"type\": \"WordLevel\", \"vocab\": {\"a\": 0}, \"unk_token\": \"a\"}}");
        refused("added token <s> must have number 1, the next one, got 7");
    }

    @Test
    void theTokenBetweenTextsIsAskedForWhenItIsNeeded() throws IOException {
        Files.writeString(
                folder.resolve("tokenizer.json"),
                "{\"model\": {\"type\": \"WordLevel\", \"vocab\": {\"a\": 0, \"stop\": 1}, \"unk_token\": \"a\"}}");
        Tokenizer without = Tokenizers.in(folder).orElseThrow();
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(without::endOfText)
                .withMessageContaining("tokens must have <|endoftext|>, the one between texts");
        Files.writeString(
                folder.resolve("special_tokens_map.json"), "{\"eos_token\": {\"content\": \"a\"}}");
        assertThat(Tokenizers.in(folder).orElseThrow().endOfText()).isZero();
        Files.writeString(folder.resolve("tokenizer_config.json"), "{\"eos_token\": \"stop\"}");
        assertThat(Tokenizers.in(folder).orElseThrow().endOfText()).isEqualTo(1);
    }

    private void refused(String... parts) {
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> Tokenizers.in(folder))
                .satisfies(refused -> assertThat(refused.getMessage()).contains(parts));
    }
}
