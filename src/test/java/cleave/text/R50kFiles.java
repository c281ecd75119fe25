package cleave.text;

import com.knuddels.jtokkit.Encodings;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/// GPT-2's tokenizer as files, made from the ranks that come with JTokkit: a token of several bytes
/// is the merge of the two tokens that its bytes come down to under the merges before it.
public final class R50kFiles {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    private final SequencedMap<String, Integer> vocabulary = new LinkedHashMap<>();
    private final List<List<String>> merges = new ArrayList<>();

    /// Reads the ranks; the bytes of a token are kept one to a character.
    public R50kFiles() {
        Map<String, Integer> ranks = new HashMap<>();
        List<String> tokens = new ArrayList<>();
        try (InputStream in =
                        Objects.requireNonNull(
                                Encodings.class.getResourceAsStream("r50k_base.tiktoken"));
                BufferedReader lines =
                        new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII))) {
            lines.lines()
                    .forEach(line -> {
                        String[] parts = line.split(" ", -1);
                        String token =
                                new String(
                                        Base64.getDecoder().decode(parts[0]),
                                        StandardCharsets.ISO_8859_1);
                        ranks.put(token, Integer.parseInt(parts[1]));
                        tokens.add(token);
                    });
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
        for (String token : tokens) {
            int rank = Objects.requireNonNull(ranks.get(token));
            vocabulary.put(written(token), rank);
            if (token.length() > 1) {
                List<String> parts = split(token, rank, ranks);
                merges.add(List.of(written(parts.get(0)), written(parts.get(1))));
            }
        }
        vocabulary.put("<|endoftext|>", tokens.size());
    }

    private static List<String> split(String token, int below, Map<String, Integer> ranks) {
        List<String> parts = new ArrayList<>(List.of(token.split("", -1)));
        parts.removeIf(String::isEmpty);
        while (parts.size() > 2) {
            int best = 0;
            int bestRank = Integer.MAX_VALUE;
            for (int i = 0; i + 1 < parts.size(); i++) {
                int rank = ranks.getOrDefault(parts.get(i) + parts.get(i + 1), Integer.MAX_VALUE);
                if (rank < below && rank < bestRank) {
                    best = i;
                    bestRank = rank;
                }
            }
            parts.set(best, parts.get(best) + parts.remove(best + 1));
        }
        return parts;
    }

    /// The bytes as vocabularies write them: the 68 that cannot be printed follow from U+0100 on.
    private static String written(String token) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < token.length(); i++) {
            char value = token.charAt(i);
            if (isPrinted(value)) {
                text.append(value);
            } else {
                long before = IntStream.range(0, value).filter(other -> !isPrinted(other)).count();
                text.append((char) (256 + before));
            }
        }
        return text.toString();
    }

    private static boolean isPrinted(int value) {
        return !(value <= 32 || (value >= 127 && value <= 160) || value == 173);
    }

    /// Writes `vocab.json` and `merges.txt`.
    public void writeTwo(Path folder) throws IOException {
        Files.writeString(folder.resolve("vocab.json"), JSON.writeValueAsString(vocabulary));
        StringBuilder lines = new StringBuilder("#version: 0.2\n");
        merges.forEach(pair -> lines.append(String.join(" ", pair)).append('\n'));
        Files.writeString(folder.resolve("merges.txt"), lines.toString());
    }

    /// Writes `tokenizer.json` as today's tools do: the kind of model is named, merges are pairs.
    public void writeOne(Path folder) throws IOException {
        Map<String, Object> model = new LinkedHashMap<>();
        model.put("type", "BPE");
        model.put("continuing_subword_prefix", "");
        model.put("vocab", vocabulary);
        model.put("merges", merges);
        writeOne(folder, model);
    }

    /// Writes `tokenizer.json` with the keys of the file that was published with GPT-2: the kind of
    /// model is not named, merges are text.
    public void writePublished(Path folder) throws IOException {
        Map<String, @Nullable Object> model = new LinkedHashMap<>();
        model.put("dropout", null);
        model.put("unk_token", null);
        model.put("continuing_subword_prefix", "");
        model.put("end_of_word_suffix", "");
        model.put("fuse_unk", false);
        model.put("vocab", vocabulary);
        model.put("merges", merges.stream().map(pair -> String.join(" ", pair)).toList());
        writeOne(folder, model);
    }

    private static void writeOne(Path folder, Map<String, ? extends @Nullable Object> model)
            throws IOException {
        Map<String, Object> endOfText = new LinkedHashMap<>();
        endOfText.put("id", 50256);
        endOfText.put("special", true);
        endOfText.put("content", "<|endoftext|>");
        for (String key : List.of("single_word", "lstrip", "rstrip", "normalized")) {
            endOfText.put(key, false);
        }
        Map<String, @Nullable Object> root = new LinkedHashMap<>();
        root.put("version", "1.0");
        root.put("truncation", null);
        root.put("padding", null);
        root.put("added_tokens", List.of(endOfText));
        root.put("normalizer", null);
        root.put("pre_tokenizer", Map.of("type", "ByteLevel", "add_prefix_space", false));
        root.put(
                "post_processor",
                Map.of("type", "ByteLevel", "add_prefix_space", true, "trim_offsets", false));
        root.put(
                "decoder",
                Map.of("type", "ByteLevel", "add_prefix_space", true, "trim_offsets", true));
        root.put("model", model);
        Files.writeString(folder.resolve("tokenizer.json"), JSON.writeValueAsString(root));
    }
}
