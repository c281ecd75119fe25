package cleave.text;

import cleave.config.UserError;
import cleave.text.BytePairTokenizer.Pair;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The tokenizer that lies beside a model: `compact_vocabulary.json`, or else `tokenizer.json`, or
/// else `vocab.json` with `merges.txt`. Nothing is fetched from anywhere.
public final class Tokenizers {
    private static final String ONE = "tokenizer.json";
    private static final String VOCABULARY = "vocab.json";
    private static final String MERGES = "merges.txt";

    /// Every file that belongs to a tokenizer, here or in other tools.
    private static final List<String> FILES =
            List.of(
                    CompactVocabulary.FILE,
                    ONE,
                    VOCABULARY,
                    MERGES,
                    "tokenizer_config.json",
                    "special_tokens_map.json",
                    "added_tokens.json");

    private static final JsonMapper JSON =
            JsonMapper.builder(
                            JsonFactory.builder()
                                    .streamReadConstraints(
                                            StreamReadConstraints.builder()
                                                    .maxNameLength(100_000)
                                                    .build())
                                    .build())
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
            return Optional.of(one(one));
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
        return Optional.of(two(vocabulary, merges));
    }

    private static Tokenizer one(Path file) {
        JsonNode root = json(file);
        List<String> problems = new ArrayList<>();
        JsonNode model = root.path("model");
        // Older files, GPT-2's own among them, do not say which kind of model theirs is.
        if (!model.path("type").isMissingNode()) {
            require(model.path("type"), "BPE", "model.type", problems);
        }
        require(
                root.path("pre_tokenizer").path("type"),
                "ByteLevel",
                "pre_tokenizer.type",
                problems);
        absent(root.path("normalizer"), "normalizer", problems);
        absent(model.path("dropout"), "model.dropout", problems);
        absent(
                model.path("continuing_subword_prefix"),
                "model.continuing_subword_prefix",
                problems);
        absent(model.path("end_of_word_suffix"), "model.end_of_word_suffix", problems);
        absent(
                root.path("pre_tokenizer").path("add_prefix_space"),
                "pre_tokenizer.add_prefix_space",
                problems);
        if (problems.isEmpty()) {
            Map<String, Integer> vocabulary = vocabulary(model.path("vocab"), problems);
            Map<String, Integer> added = added(root.path("added_tokens"), problems);
            List<Pair> merges = merges(model.path("merges"), problems);
            if (problems.isEmpty()) {
                return tokenizer(file, vocabulary, merges, added);
            }
        }
        throw refused(file, problems);
    }

    private static void require(JsonNode node, String value, String key, List<String> problems) {
        if (!node.isString() || !node.stringValue().equals(value)) {
            problems.add(
                    "%s must be %s, got %s"
                            .formatted(key, value, node.isMissingNode() ? "nothing" : node));
        }
    }

    /// Refuses a setting that would change what tokens come out; false, empty and null do not.
    private static void absent(JsonNode node, String key, List<String> problems) {
        boolean harmless =
                node.isMissingNode()
                        || node.isNull()
                        || (node.isBoolean() && !node.booleanValue())
                        || (node.isString() && node.stringValue().isEmpty());
        if (!harmless) {
            problems.add("%s must be absent, got %s".formatted(key, node));
        }
    }

    private static Map<String, Integer> vocabulary(JsonNode node, List<String> problems) {
        Map<String, Integer> vocabulary = new HashMap<>();
        if (!node.isObject() || node.isEmpty()) {
            problems.add("vocabulary must map tokens to numbers, got none");
        }
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
            if (!entry.getValue().isIntegralNumber() || !entry.getValue().canConvertToInt()) {
                problems.add(
                        "token %s must be a whole number, got %s"
                                .formatted(entry.getKey(), entry.getValue()));
                return vocabulary;
            }
            vocabulary.put(entry.getKey(), entry.getValue().intValue());
        }
        return vocabulary;
    }

    private static Map<String, Integer> added(JsonNode list, List<String> problems) {
        Map<String, Integer> added = new HashMap<>();
        for (JsonNode each : list) {
            JsonNode content = each.path("content");
            JsonNode id = each.path("id");
            if (!content.isString() || content.stringValue().isEmpty() || !id.isIntegralNumber()) {
                problems.add("added_tokens must have content and id, got " + each);
                continue;
            }
            for (String key : List.of("lstrip", "rstrip", "single_word")) {
                absent(each.path(key), "added_tokens: %s of %s".formatted(key, content), problems);
            }
            added.put(content.stringValue(), id.intValue());
        }
        return added;
    }

    private static List<Pair> merges(JsonNode list, List<String> problems) {
        List<Pair> merges = new ArrayList<>();
        if (!list.isArray()) {
            problems.add("merges must be a list of pairs of tokens, got none");
        }
        for (JsonNode each : list) {
            boolean pair =
                    each.isArray()
                            && each.size() == 2
                            && each.get(0).isString()
                            && each.get(1).isString();
            Optional<Pair> merge =
                    pair
                            ? Optional.of(
                                    new Pair(each.get(0).stringValue(), each.get(1).stringValue()))
                            : each.isString() ? pair(each.stringValue()) : Optional.empty();
            if (merge.isEmpty()) {
                problems.add("merges must be pairs of tokens, got " + each);
                return merges;
            }
            merges.add(merge.get());
        }
        return merges;
    }

    private static Optional<Pair> pair(String line) {
        int space = line.indexOf(' ');
        return space < 1 || space != line.lastIndexOf(' ') || space == line.length() - 1
                ? Optional.empty()
                : Optional.of(new Pair(line.substring(0, space), line.substring(space + 1)));
    }

    private static Tokenizer two(Path vocabularyFile, Path mergesFile) {
        List<String> problems = new ArrayList<>();
        Map<String, Integer> vocabulary = vocabulary(json(vocabularyFile), problems);
        List<Pair> merges = new ArrayList<>();
        List<String> lines = List.of(text(mergesFile).split("\n", -1));
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).replace("\r", "");
            if (line.isEmpty() || (i == 0 && line.startsWith("#version"))) {
                continue;
            }
            Optional<Pair> pair = pair(line);
            if (pair.isEmpty()) {
                problems.add("%s:%d must be two tokens, got %s".formatted(MERGES, i + 1, line));
                break;
            }
            merges.add(pair.get());
        }
        if (!problems.isEmpty()) {
            throw refused(vocabularyFile, problems);
        }
        Map<String, Integer> added = special(vocabulary);
        return tokenizer(vocabularyFile, vocabulary, merges, added);
    }

    /// End-of-text, which stands for itself.
    private static Map<String, Integer> special(Map<String, Integer> vocabulary) {
        Integer token = vocabulary.get(BytePairTokenizer.END_OF_TEXT);
        return token == null ? Map.of() : Map.of(BytePairTokenizer.END_OF_TEXT, token);
    }

    private static Tokenizer tokenizer(
            Path file,
            Map<String, Integer> vocabulary,
            List<Pair> merges,
            Map<String, Integer> added) {
        try {
            return new BytePairTokenizer(vocabulary, merges, added);
        } catch (UserError wrong) {
            throw refused(file, List.of(String.valueOf(wrong.getMessage())));
        }
    }

    private static JsonNode json(Path file) {
        try {
            return JSON.readTree(text(file));
        } catch (JacksonException malformed) {
            throw refused(file, List.of("must be JSON, got " + malformed.getOriginalMessage()));
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (CharacterCodingException malformed) {
            throw refused(file, List.of("must be UTF-8 text, got other bytes"));
        } catch (IOException failure) {
            throw refused(file, List.of("must be readable, got " + failure));
        }
    }

    private static UserError refused(Path file, List<String> problems) {
        return new UserError(
                "tokenizer must be GPT-2's byte-level one, got %d problem%s (%s)\n  %s"
                        .formatted(
                                problems.size(),
                                problems.size() == 1 ? "" : "s",
                                file,
                                String.join("\n  ", problems)));
    }
}
