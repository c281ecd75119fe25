package cleave.text;

import cleave.config.ByteOrderMark;
import cleave.config.StandIn;
import cleave.config.UserError;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The tokenizer that lies beside a model: `compact_vocabulary.json`, or else `tokenizer.json`, or
/// else `vocab.json` with `merges.txt`. Nothing is fetched from anywhere.
public final class Tokenizers {
    private static final String ONE = "tokenizer.json";
    private static final String VOCABULARY = "vocab.json";
    private static final String MERGES = "merges.txt";
    private static final String CONFIG = "tokenizer_config.json";
    private static final String SPECIAL = "special_tokens_map.json";

    /// Every file that belongs to a tokenizer, here or in other tools.
    private static final List<String> FILES =
            List.of(
                    CompactVocabulary.FILE,
                    ONE,
                    VOCABULARY,
                    MERGES,
                    CONFIG,
                    SPECIAL,
                    "added_tokens.json");

    private static final JsonMapper JSON =
            JsonMapper.builder(
                            JsonFactory.builder()
                                    .streamReadConstraints(
                                            StreamReadConstraints.builder()
                                                    .maxNameLength(100_000)
                                                    .build())
                                    .build())
                    // Scores go to the library digit by digit.
                    .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
                    .build();

    private Tokenizers() {}

    /// The names of all files that can belong to a tokenizer.
    public static List<String> names() {
        return FILES;
    }

    /// The files of a folder that belong to its tokenizer.
    public static List<Path> files(Path folder) {
        return FILES.stream().map(folder::resolve).filter(Files::isRegularFile).toList();
    }

    /// The tokenizer of a folder; empty when it has none.
    ///
    /// @throws UserError when its files are malformed, or of a kind that is not supported, with
    ///   everything that is wrong
    public static Optional<Tokenizer> in(Path folder) {
        if (CompactVocabulary.in(folder)) {
            return Optional.of(CompactVocabulary.read(folder));
        }
        Path one = folder.resolve(ONE);
        if (Files.isRegularFile(one)) {
            return Optional.of(JsonTokenizer.of(one.toString(), json(one), endOfText(folder)));
        }
        Path vocabulary = folder.resolve(VOCABULARY);
        Path merges = folder.resolve(MERGES);
        if (!Files.isRegularFile(vocabulary) && !Files.isRegularFile(merges)) {
            return Optional.empty();
        }
        if (!Files.isRegularFile(vocabulary) || !Files.isRegularFile(merges)) {
            throw new UserError(
                    "tokenizer must have both %s and %s, got one of them (%s)"
                            .formatted(VOCABULARY, MERGES, folder));
        }
        return Optional.of(
                JsonTokenizer.of(
                        vocabulary.toString(), two(vocabulary, merges), endOfText(folder)));
    }

    /// The tokenizer of a `tokenizer.json` that is in memory.
    ///
    /// @param source what it is called in messages
    /// @param content of the file
    /// @param endOfText the name of the token that ends a text; null when it is not known
    /// @throws UserError when the content is malformed or the library refuses it
    public static Tokenizer ofJson(String source, String content, @Nullable String endOfText) {
        return JsonTokenizer.of(source, json(source, content), endOfText);
    }

    /// The tokenizer of files that are in memory, such as a weights file may hold; empty where
    /// there is no `tokenizer.json` among them.
    ///
    /// @param source what they are called in messages
    /// @param files their UTF-8 content by their name in a folder
    /// @throws UserError when one is malformed or the library refuses it
    public static Optional<Tokenizer> of(String source, Map<String, byte[]> files) {
        byte[] one = files.get(ONE);
        if (one == null) {
            return Optional.empty();
        }
        String endOfText = null;
        for (String name : List.of(CONFIG, SPECIAL)) {
            byte[] content = files.get(name);
            if (endOfText == null && content != null) {
                endOfText = endOfText(json(source, new String(content, StandardCharsets.UTF_8)));
            }
        }
        return Optional.of(ofJson(source, new String(one, StandardCharsets.UTF_8), endOfText));
    }

    /// The name of the token that ends a text, as the files beside a tokenizer give it.
    private static @Nullable String endOfText(Path folder) {
        for (String name : List.of(CONFIG, SPECIAL)) {
            Path file = folder.resolve(name);
            String found = Files.isRegularFile(file) ? endOfText(json(file)) : null;
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    private static @Nullable String endOfText(JsonNode settings) {
        JsonNode token = settings.path("eos_token");
        JsonNode text = token.isObject() ? token.path("content") : token;
        return text.isString() ? text.stringValue() : null;
    }

    /// GPT-2's two files as the one file that says the same.
    private static JsonNode two(Path vocabularyFile, Path mergesFile) {
        JsonNode vocabulary = json(vocabularyFile);
        ObjectNode root = JSON.createObjectNode();
        ArrayNode added = root.putArray("added_tokens");
        JsonNode endOfText = vocabulary.path(R50k.END_OF_TEXT_NAME);
        if (!endOfText.isMissingNode()) {
            ObjectNode token = added.addObject().put("content", R50k.END_OF_TEXT_NAME);
            token.set("id", endOfText);
            token.put("special", true);
            for (String key : List.of("single_word", "lstrip", "rstrip", "normalized")) {
                token.put(key, false);
            }
        }
        for (String part : List.of("pre_tokenizer", "post_processor", "decoder")) {
            root.putObject(part)
                    .put("type", "ByteLevel")
                    .put("add_prefix_space", false)
                    .put("trim_offsets", false);
        }
        ObjectNode model = root.putObject("model").put("type", "BPE");
        model.set("vocab", vocabulary);
        ArrayNode merges = model.putArray("merges");
        List<String> lines = List.of(text(mergesFile).split("\n", -1));
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).replace("\r", "");
            if (line.isEmpty() || (i == 0 && line.startsWith("#version"))) {
                continue;
            }
            String[] pair = line.split(" ", -1);
            if (pair.length != 2 || pair[0].isEmpty() || pair[1].isEmpty()) {
                throw TokenizerJson.refused(
                        mergesFile.toString(),
                        List.of("%s:%d must be two tokens, got %s".formatted(MERGES, i + 1, line)));
            }
            merges.addArray().add(pair[0]).add(pair[1]);
        }
        return root;
    }

    private static JsonNode json(Path file) {
        return json(file.toString(), text(file));
    }

    private static JsonNode json(String source, String content) {
        try {
            return JSON.readTree(content);
        } catch (JacksonException malformed) {
            throw TokenizerJson.refused(
                    source, List.of("must be JSON, got " + malformed.getOriginalMessage()));
        }
    }

    private static String text(Path file) {
        StandIn.refuseDownload(file, "tokenizer's " + file.getFileName());
        try {
            return ByteOrderMark.cut(Files.readString(file));
        } catch (CharacterCodingException malformed) {
            throw TokenizerJson.refused(
                    file.toString(), List.of("must be UTF-8 text, got other bytes"));
        } catch (IOException failure) {
            throw TokenizerJson.refused(
                    file.toString(), List.of("must be readable, got " + UserError.reason(failure)));
        }
    }
}
