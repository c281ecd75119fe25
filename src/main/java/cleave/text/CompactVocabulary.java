package cleave.text;

import cleave.config.AtLeast;
import cleave.config.AtMost;
import cleave.config.Binder;
import cleave.config.NotEmpty;
import cleave.config.StandIn;
import cleave.config.UserError;
import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// Those of GPT-2's tokens that a small model knows, renumbered from 0. Token 0 is end-of-text; the
/// others keep the order of GPT-2's numbers. Text is cut as GPT-2 cuts it.
///
/// In a model's folder it is `compact_vocabulary.json`: `{"encoding": "r50k_base", "tokens":
/// [50256, 11, ...]}`, the GPT-2 number of each token.
public final class CompactVocabulary implements Tokenizer {
    /// Its file in a model's folder.
    public static final String FILE = "compact_vocabulary.json";

    private static final String ENCODING = "r50k_base";

    /// What the file holds.
    record File(
            String encoding,
            @NotEmpty @AtLeast(0) @AtMost(R50k.END_OF_TEXT) List<Integer> tokens) {}

    private final R50k whole = new R50k();
    private final int[] tokens;
    private final Map<Integer, Integer> numbers = new HashMap<>();

    private CompactVocabulary(int[] tokens) {
        this.tokens = tokens;
        for (int i = 0; i < tokens.length; i++) {
            numbers.put(tokens[i], i);
        }
    }

    /// The tokens that occur in texts, and end-of-text.
    public static CompactVocabulary of(Iterable<String> texts) {
        R50k whole = new R50k();
        NavigableSet<Integer> found = new TreeSet<>();
        texts.forEach(text -> Arrays.stream(whole.encode(text)).forEach(found::add));
        return new CompactVocabulary(
                IntStream.concat(
                                IntStream.of(R50k.END_OF_TEXT),
                                found.stream().mapToInt(Integer::intValue))
                        .toArray());
    }

    /// Whether a model's folder has one.
    public static boolean in(Path folder) {
        return Files.isRegularFile(folder.resolve(FILE));
    }

    /// Reads that of a model's folder.
    ///
    /// @throws UserError when the file cannot be read or is not such a vocabulary
    public static CompactVocabulary read(Path folder) {
        Path path = folder.resolve(FILE);
        StandIn.refuseDownload(path, "vocabulary");
        File file;
        try {
            file = Binder.read(path.toString(), Files.readString(path), List.of(), File.class);
        } catch (IOException failure) {
            throw new UserError(
                    "vocabulary must be readable, got %s (%s)"
                            .formatted(UserError.reason(failure), path),
                    failure);
        }
        if (!file.encoding().equals(ENCODING)) {
            throw new UserError(
                    "encoding of a vocabulary must be %s, got %s (%s)"
                            .formatted(ENCODING, file.encoding(), path));
        }
        int[] tokens = file.tokens().stream().mapToInt(Integer::intValue).toArray();
        if (tokens[0] != R50k.END_OF_TEXT
                || Arrays.stream(tokens).distinct().count() < tokens.length) {
            throw new UserError(
                    "tokens of a vocabulary must begin with %d and be distinct, got %s (%s)"
                            .formatted(R50k.END_OF_TEXT, shortened(file.tokens()), path));
        }
        return new CompactVocabulary(tokens);
    }

    private static String shortened(List<Integer> tokens) {
        return tokens.size() <= 8 ? tokens.toString() : tokens.subList(0, 8) + " ...";
    }

    /// Writes it to a model's folder.
    public void write(Path folder) throws IOException {
        String numbersOfTokens =
                Arrays.stream(tokens).mapToObj(String::valueOf).collect(Collectors.joining(", "));
        AtomicFile.write(
                folder.resolve(FILE),
                "{\"encoding\": \"%s\", \"tokens\": [%s]}\n".formatted(ENCODING, numbersOfTokens));
    }

    @Override
    public int[] encode(String text) {
        return own(text, whole.encode(text));
    }

    @Override
    public Encoded encoded(String text, Special special) {
        Encoded all = whole.encoded(text, special);
        return new Encoded(
                text,
                Arrays.stream(own(text, all.ids())).boxed().toList(),
                all.added(),
                all.spans());
    }

    private int[] own(String text, int... all) {
        int[] missing =
                Arrays.stream(all)
                        .filter(token -> !numbers.containsKey(token))
                        .distinct()
                        .toArray();
        if (missing.length > 0) {
            throw new UserError(
                    "text must consist of the model's %d tokens, got %s in \"%s\"\nhint: this model has a compact vocabulary: the tokens of the text it was trained on"
                            .formatted(
                                    tokens.length, String.join(", ", whole.shown(missing)), text));
        }
        return Arrays.stream(all).map(numbers::get).toArray();
    }

    @Override
    public String decode(int[] compact) {
        return whole.decode(
                Arrays.stream(compact)
                        .map(token -> {
                            if (token < 0 || token >= tokens.length) {
                                throw new IllegalArgumentException(
                                        "token must be in 0..%d, got %d"
                                                .formatted(tokens.length - 1, token));
                            }
                            return tokens[token];
                        })
                        .toArray());
    }

    @Override
    public int endOfText() {
        return 0;
    }

    @Override
    public int size() {
        return tokens.length;
    }
}
