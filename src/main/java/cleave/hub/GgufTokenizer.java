package cleave.hub;

import cleave.config.UserError;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The tokenizer in a GGUF file, said as the `tokenizer.json` of Hugging Face's library.
///
/// The kind `gpt2`, byte-pair encoding over bytes, is read with the pre-tokenisers below. A file
/// that names none, or `default`, was written before they were told apart, and gets GPT-2's.
final class GgufTokenizer {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String PREFIX = "tokenizer.ggml.";
    private static final long CONTROL = 3;
    private static final long USER_DEFINED = 4;

    // How Llama 3 and Qwen 2 cut a text before pairs are joined; they differ in digits.
    private static final String CONTRACTIONS =
            "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|";
    private static final String REST =
            "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    /// A way to cut a text.
    ///
    /// @param pattern of the pieces; null for GPT-2's own
    /// @param digits whether digits are cut one by one first
    /// @param composed whether characters are put together (NFC) before
    /// @param wholePieces whether a piece that is a token needs no joining
    /// @param begins whether a text begins with the token for that, where the file does not say
    private record Cut(
            @Nullable String pattern,
            boolean digits,
            boolean composed,
            boolean wholePieces,
            boolean begins) {}

    private static final Cut GPT2 = new Cut(null, false, false, false, false);
    private static final SortedMap<String, Cut> CUTS =
            new TreeMap<>(
                    Map.of(
                            "default", GPT2,
                            "gpt-2", GPT2,
                            "smollm", new Cut(null, true, false, false, false),
                            "llama-bpe",
                                    new Cut(
                                            CONTRACTIONS + "\\p{N}{1,3}" + REST,
                                            false,
                                            false,
                                            true,
                                            true),
                            "qwen2",
                                    new Cut(
                                            CONTRACTIONS + "\\p{N}" + REST,
                                            false,
                                            true,
                                            false,
                                            false)));

    private final Gguf gguf;
    private final Cut cut;
    private final List<?> tokens;
    private final List<?> kinds;

    private GgufTokenizer(Gguf gguf, Cut cut) {
        this.gguf = gguf;
        this.cut = cut;
        tokens = list("tokens");
        kinds = gguf.settings().containsKey(PREFIX + "token_type") ? list("token_type") : List.of();
        if (!kinds.isEmpty() && kinds.size() != tokens.size()) {
            throw refused(
                    PREFIX + "token_type",
                    "have one kind for each of the %d tokens".formatted(tokens.size()),
                    kinds.size());
        }
    }

    /// The tokenizer of a file; empty when it has none.
    ///
    /// @throws UserError when it is of a kind that is not read, which is named
    static Optional<GgufTokenizer> of(Gguf gguf) {
        Object kind = gguf.settings().get(PREFIX + "model");
        if (kind == null) {
            return Optional.empty();
        }
        if (!kind.equals("gpt2")) {
            throw refused(gguf, PREFIX + "model", "be gpt2, the one kind that is read", kind);
        }
        Object name = gguf.settings().getOrDefault(PREFIX + "pre", "default");
        Cut cut = name instanceof String text ? CUTS.get(text) : null;
        if (cut == null) {
            throw refused(
                    gguf, PREFIX + "pre", "be one of " + String.join(", ", CUTS.keySet()), name);
        }
        return Optional.of(new GgufTokenizer(gguf, cut));
    }

    private List<?> list(String key) {
        if (gguf.settings().get(PREFIX + key) instanceof List<?> list && !list.isEmpty()) {
            return list;
        }
        throw refused(PREFIX + key, "be a list of at least one", "none");
    }

    /// The text of a `tokenizer.json`.
    ///
    /// @throws UserError when tokens, merges or special tokens do not fit together
    String json() {
        ObjectNode root = JSON.createObjectNode();
        root.put("version", "1.0");
        root.putNull("truncation");
        root.putNull("padding");
        addedTokens(root.putArray("added_tokens"));
        if (cut.composed()) {
            root.putObject("normalizer").put("type", "NFC");
        } else {
            root.putNull("normalizer");
        }
        preTokenizer(root.putObject("pre_tokenizer"));
        postProcessor(root);
        byteLevel(root.putObject("decoder"), true);
        model(root.putObject("model"));
        return JSON.writeValueAsString(root);
    }

    /// The text of the `tokenizer_config.json` beside it: special tokens and the chat's template.
    String settings() {
        ObjectNode root = JSON.createObjectNode();
        root.put("tokenizer_class", "PreTrainedTokenizerFast");
        root.put("clean_up_tokenization_spaces", false);
        name(root, "bos_token", "bos_token_id");
        name(root, "eos_token", "eos_token_id");
        name(root, "unk_token", "unknown_token_id");
        name(root, "pad_token", "padding_token_id");
        if (gguf.settings().get("tokenizer.chat_template") instanceof String template) {
            root.put("chat_template", template);
        }
        return JSON.writeValueAsString(root);
    }

    /// The token that ends a text; null when the file names none.
    @Nullable String endOfText() {
        return gguf.settings().containsKey(PREFIX + "eos_token_id")
                ? token(id("eos_token_id"))
                : null;
    }

    private void name(ObjectNode root, String as, String key) {
        if (gguf.settings().containsKey(PREFIX + key)) {
            root.put(as, token(id(key)));
        }
    }

    private void addedTokens(ArrayNode added) {
        for (int i = 0; i < kinds.size(); i++) {
            boolean special = kinds.get(i).equals(CONTROL);
            if (special || kinds.get(i).equals(USER_DEFINED)) {
                ObjectNode token = added.addObject();
                token.put("id", i);
                token.put("content", token(i));
                token.put("single_word", false);
                token.put("lstrip", false);
                token.put("rstrip", false);
                token.put("normalized", false);
                token.put("special", special);
            }
        }
    }

    private void preTokenizer(ObjectNode node) {
        if (cut.pattern() == null && !cut.digits()) {
            byteLevel(node, true);
            return;
        }
        node.put("type", "Sequence");
        ArrayNode steps = node.putArray("pretokenizers");
        if (cut.digits()) {
            steps.addObject().put("type", "Digits").put("individual_digits", true);
        }
        if (cut.pattern() != null) {
            ObjectNode split = steps.addObject().put("type", "Split");
            split.putObject("pattern").put("Regex", cut.pattern());
            split.put("behavior", "Isolated").put("invert", false);
        }
        byteLevel(steps.addObject(), cut.pattern() == null);
    }

    private static void byteLevel(ObjectNode node, boolean ownPattern) {
        node.put("type", "ByteLevel");
        node.put("add_prefix_space", false);
        node.put("trim_offsets", true);
        node.put("use_regex", ownPattern);
    }

    private void postProcessor(ObjectNode root) {
        boolean begins = flag("add_bos_token", cut.begins());
        boolean ends = flag("add_eos_token", false);
        ObjectNode node = root.putObject("post_processor");
        if (!begins && !ends) {
            node.put("type", "ByteLevel");
            node.put("add_prefix_space", true);
            node.put("trim_offsets", false);
            node.put("use_regex", true);
            return;
        }
        node.put("type", "TemplateProcessing");
        ArrayNode one = node.putArray("single");
        ArrayNode two = node.putArray("pair");
        ObjectNode special = node.putObject("special_tokens");
        for (String part : List.of("A", "B")) {
            for (ArrayNode into : part.equals("A") ? List.of(one, two) : List.of(two)) {
                if (begins) {
                    special(into, special, part, id("bos_token_id"));
                }
                into.addObject()
                        .putObject("Sequence")
                        .put("id", part)
                        .put("type_id", part.equals("A") ? 0 : 1);
                if (ends) {
                    special(into, special, part, id("eos_token_id"));
                }
            }
        }
    }

    private void special(ArrayNode into, ObjectNode all, String part, int id) {
        String token = token(id);
        into.addObject()
                .putObject("SpecialToken")
                .put("id", token)
                .put("type_id", part.equals("A") ? 0 : 1);
        ObjectNode node = all.putObject(token);
        node.put("id", token);
        node.putArray("ids").add(id);
        node.putArray("tokens").add(token);
    }

    private void model(ObjectNode node) {
        node.put("type", "BPE");
        for (String key :
                List.of(
                        "dropout",
                        "unk_token",
                        "continuing_subword_prefix",
                        "end_of_word_suffix")) {
            node.putNull(key);
        }
        node.put("fuse_unk", false);
        node.put("byte_fallback", false);
        node.put("ignore_merges", cut.wholePieces());
        ObjectNode vocabulary = node.putObject("vocab");
        Set<String> known = new HashSet<>();
        for (int i = 0; i < tokens.size(); i++) {
            if (!known.add(token(i))) {
                throw refused(PREFIX + "tokens", "be there once", token(i));
            }
            vocabulary.put(token(i), i);
        }
        ArrayNode merges = node.putArray("merges");
        for (Object merge : list("merges")) {
            String text = String.valueOf(merge);
            // A space is no character of a token; the first may not be empty.
            int space = text.indexOf(' ', 1);
            boolean fits =
                    space > 0
                            && known.contains(text.substring(0, space))
                            && known.contains(text.substring(space + 1))
                            && known.contains(text.substring(0, space) + text.substring(space + 1));
            if (!fits) {
                throw refused(PREFIX + "merges", "be pairs of tokens that join to one", text);
            }
            merges.addArray().add(text.substring(0, space)).add(text.substring(space + 1));
        }
    }

    private boolean flag(String key, boolean otherwise) {
        Object value = gguf.settings().getOrDefault(PREFIX + key, otherwise);
        if (value instanceof Boolean flag) {
            return flag;
        }
        throw refused(PREFIX + key, "be true or false", value);
    }

    private int id(String key) {
        Object value = gguf.settings().get(PREFIX + key);
        if (value instanceof Long id && id >= 0 && id < tokens.size()) {
            return id.intValue();
        }
        throw refused(
                PREFIX + key,
                "be a token from 0 to " + (tokens.size() - 1),
                value == null ? "nothing" : value);
    }

    private String token(int id) {
        return String.valueOf(tokens.get(id));
    }

    private UserError refused(String what, String rule, Object value) {
        return refused(gguf, what, rule, value);
    }

    private static UserError refused(Gguf gguf, String what, String rule, Object value) {
        return new UserError(
                "%s of a GGUF file must %s, got %s (%s)".formatted(what, rule, value, gguf.file()));
    }
}
