package cleave.text;

import cleave.config.UserError;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// What a `tokenizer.json` says, as far as it must be known besides what the library makes of it.
///
/// @param whole the content, with nothing that shortens or pads texts
/// @param plain the same without special tokens that could be found in a text
/// @param vocabulary numbers of the model's tokens by their text
/// @param added tokens that stand for themselves, by their number
/// @param special the numbers of those that are special
/// @param bytesWithoutToken bytes that no token stands for, where text is cut into bytes
record TokenizerJson(
        JsonNode whole,
        JsonNode plain,
        Map<String, Integer> vocabulary,
        Map<Integer, String> added,
        BitSet special,
        BitSet bytesWithoutToken) {

    private static final Set<String> KINDS = Set.of("BPE", "WordPiece", "WordLevel", "Unigram");
    private static final String BYTES = "ByteLevel";
    private static final char[] CHARACTER_OF_BYTE = characters();

    /// Reads a file's content.
    ///
    /// @throws UserError naming everything that is wrong with it
    static TokenizerJson of(String source, JsonNode root) {
        List<String> problems = new ArrayList<>();
        if (!root.isObject()) {
            throw refused(source, List.of("must be a JSON object, got " + root.getNodeType()));
        }
        JsonNode model = root.path("model");
        JsonNode kind = model.path("type");
        // Older files, GPT-2's own among them, do not say which kind of model theirs is.
        if (!kind.isMissingNode() && !(kind.isString() && KINDS.contains(kind.stringValue()))) {
            problems.add("model.type must be one of %s, got %s".formatted(sorted(), kind));
            throw refused(source, problems);
        }
        Map<String, Integer> vocabulary = vocabulary(model.path("vocab"), problems);
        if (model.has("merges")) {
            boolean joined = model.path("continuing_subword_prefix").stringValue("").isEmpty();
            requireMerges(model.path("merges"), joined, vocabulary, problems);
        } else if (kind.isMissingNode() || kind.stringValue().equals("BPE")) {
            problems.add("merges must be a list of pairs of tokens, got none");
        }
        List<Added> list = added(root.path("added_tokens"), problems);
        if (!problems.isEmpty()) {
            throw refused(source, problems);
        }
        ObjectNode whole = JsonNodeFactory.instance.objectNode().setAll((ObjectNode) root);
        whole.putNull("truncation").putNull("padding");
        List.of("pre_tokenizer", "post_processor", "decoder")
                .forEach(part -> whole.replace(part, complete(whole.path(part))));
        requireNumbers(list, vocabulary, problems);
        List<Added> unseen = unseen(list, vocabulary);
        requireNumbers(unseen, vocabulary, problems);
        if (!problems.isEmpty()) {
            throw refused(source, problems);
        }
        ObjectNode plain = JsonNodeFactory.instance.objectNode().setAll(whole);
        ArrayNode kept = plain.putArray("added_tokens");
        unseen.forEach(each -> kept.add(each.written()));
        Map<Integer, String> added = new TreeMap<>();
        BitSet special = new BitSet();
        for (Added each : list) {
            added.put(each.number(), each.text());
            special.set(each.number(), each.special());
        }
        return new TokenizerJson(
                whole,
                plain,
                vocabulary,
                added,
                special,
                bytesWithoutToken(root, model, vocabulary));
    }

    /// Older files leave out settings that the library asks for.
    private static JsonNode complete(JsonNode part) {
        if (part.isMissingNode()) {
            return JsonNodeFactory.instance.nullNode();
        }
        if (!part.path("type").stringValue("").equals(BYTES)) {
            return part;
        }
        ObjectNode complete = JsonNodeFactory.instance.objectNode();
        complete.put("add_prefix_space", false).put("trim_offsets", true);
        return complete.setAll((ObjectNode) part);
    }

    private static List<String> sorted() {
        return KINDS.stream().sorted().toList();
    }

    /// A token that stands for itself.
    private record Added(String text, int number, boolean special, ObjectNode written) {}

    private static Map<String, Integer> vocabulary(JsonNode node, List<String> problems) {
        Map<String, Integer> vocabulary = new HashMap<>();
        BitSet taken = new BitSet();
        if (node.isArray()) {
            // Unigram: pairs of a piece and its score, the number being the place in the list. The
            // last of equal pieces is the one that counts.
            for (int i = 0; i < node.size(); i++) {
                JsonNode piece = node.get(i).path(0);
                if (!piece.isString()) {
                    problems.add(
                            "vocabulary must be pairs of a piece and its score, got "
                                    + node.get(i));
                    return vocabulary;
                }
                vocabulary.put(piece.stringValue(), i);
            }
        }
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
            JsonNode number = entry.getValue();
            if (!number.isIntegralNumber() || !number.canConvertToInt() || number.intValue() < 0) {
                problems.add(
                        "token %s must be a whole number >= 0, got %s"
                                .formatted(entry.getKey(), number));
                return vocabulary;
            }
            if (taken.get(number.intValue())) {
                problems.add("tokens must have numbers of their own, got two of number " + number);
                return vocabulary;
            }
            taken.set(number.intValue());
            vocabulary.put(entry.getKey(), number.intValue());
        }
        if (vocabulary.isEmpty()) {
            problems.add("vocabulary must map tokens to numbers, got none");
        }
        return vocabulary;
    }

    /// @param joined whether a merge is the two texts one after the other; the library knows the
    ///   other way
    private static void requireMerges(
            JsonNode list, boolean joined, Map<String, Integer> vocabulary, List<String> problems) {
        if (!list.isArray()) {
            problems.add("merges must be a list of pairs of tokens, got " + list.getNodeType());
        }
        for (JsonNode each : list) {
            String first;
            String second;
            if (each.isArray()
                    && each.size() == 2
                    && each.get(0).isString()
                    && each.get(1).isString()) {
                first = each.get(0).stringValue();
                second = each.get(1).stringValue();
            } else {
                String line = each.isString() ? each.stringValue() : "";
                int space = line.indexOf(' ');
                if (space < 1 || space != line.lastIndexOf(' ') || space == line.length() - 1) {
                    problems.add("merges must be pairs of tokens, got " + each);
                    return;
                }
                first = line.substring(0, space);
                second = line.substring(space + 1);
            }
            String whole = joined ? first + second : first;
            for (String part : List.of(whole, first, second)) {
                if (!vocabulary.containsKey(part)) {
                    problems.add(
                            "merges must be of tokens into tokens, got %s of %s %s, which is none"
                                    .formatted(part, first, second));
                    return;
                }
            }
        }
    }

    private static List<Added> added(JsonNode list, List<String> problems) {
        List<Added> added = new ArrayList<>();
        for (JsonNode each : list) {
            JsonNode content = each.path("content");
            JsonNode id = each.path("id");
            if (!each.isObject()
                    || !content.isString()
                    || content.stringValue().isEmpty()
                    || !id.isIntegralNumber()
                    || !id.canConvertToInt()
                    || id.intValue() < 0) {
                problems.add("added_tokens must have content and id, got " + each);
                continue;
            }
            added.add(
                    new Added(
                            content.stringValue(),
                            id.intValue(),
                            each.path("special").booleanValue(false),
                            (ObjectNode) each));
        }
        return added;
    }

    /// The library numbers added tokens itself, on from the vocabulary where it does not hold them.
    private static void requireNumbers(
            List<Added> list, Map<String, Integer> vocabulary, List<String> problems) {
        Map<String, Integer> numbers = new HashMap<>();
        int largest = -1;
        for (Added each : list) {
            Integer number = vocabulary.get(each.text());
            if (number == null) {
                number = numbers.get(each.text());
            }
            if (number == null) {
                number = largest >= vocabulary.size() ? largest + 1 : vocabulary.size();
            }
            numbers.put(each.text(), number);
            largest = Math.max(largest, number);
            if (number != each.number()) {
                problems.add(
                        "added token %s must have number %d, the next one, got %d"
                                .formatted(each.text(), number, each.number()));
            }
        }
    }

    /// The added tokens when no special one is to be found in a text: those of the vocabulary are
    /// left out, and others, which must keep the numbers of those after them, get a text that
    /// nobody writes.
    private static List<Added> unseen(List<Added> list, Map<String, Integer> vocabulary) {
        List<Added> unseen = new ArrayList<>();
        for (Added each : list) {
            if (!each.special()) {
                unseen.add(each);
            } else if (!vocabulary.containsKey(each.text())) {
                String nobodys = "\uE000\u0000%d\u0000\uE000".formatted(each.number());
                ObjectNode written = each.written().deepCopy();
                unseen.add(
                        new Added(nobodys, each.number(), true, written.put("content", nobodys)));
            }
        }
        return unseen;
    }

    /// Where every byte is a token, no text is without one; else the bytes that are none.
    private static BitSet bytesWithoutToken(
            JsonNode root, JsonNode model, Map<String, Integer> vocabulary) {
        BitSet missing = new BitSet();
        boolean unknownHasToken = model.path("unk_token").isString();
        if (model.has("merges")
                && !unknownHasToken
                && (root.path("normalizer").isNull() || root.path("normalizer").isMissingNode())
                && holds(root.path("pre_tokenizer"), BYTES)) {
            for (int value = 0; value < CHARACTER_OF_BYTE.length; value++) {
                missing.set(
                        value, !vocabulary.containsKey(String.valueOf(CHARACTER_OF_BYTE[value])));
            }
            // These never occur in UTF-8.
            missing.clear(0xC0, 0xC2);
            missing.clear(0xF5, 0x100);
        }
        return missing;
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

    /// Whether a part, or one of those it consists of, is of a type.
    private static boolean holds(JsonNode part, String type) {
        JsonNode own = part.path("type");
        if (own.isString() && own.stringValue().equals(type)) {
            return true;
        }
        for (String list : List.of("pretokenizers", "decoders")) {
            for (JsonNode each : part.path(list)) {
                if (holds(each, type)) {
                    return true;
                }
            }
        }
        return false;
    }

    /// Whether tokens are decoded byte by byte, each as it stands.
    boolean decodesBytes() {
        return holds(whole.path("decoder"), BYTES);
    }

    /// The tokens there are.
    BitSet known() {
        BitSet known = new BitSet();
        vocabulary.values().forEach(known::set);
        added.keySet().forEach(known::set);
        return known;
    }

    /// The number of a token by its text, or -1.
    int number(String text) {
        return added.entrySet().stream()
                .filter(each -> each.getValue().equals(text))
                .map(Map.Entry::getKey)
                .findFirst()
                .orElseGet(() -> vocabulary.getOrDefault(text, -1));
    }

    /// The first token that begins a word and is nothing but letters, or -1.
    int word() {
        boolean marked = vocabulary.keySet().stream().anyMatch(text -> text.startsWith("▁"));
        String pattern = marked ? "▁[A-Za-z]+" : "[A-Za-z]+";
        return vocabulary.entrySet().stream()
                .filter(each -> each.getKey().matches(pattern))
                .mapToInt(Map.Entry::getValue)
                .min()
                .orElse(-1);
    }

    /// The error for a tokenizer that cannot be used.
    static UserError refused(String source, List<String> problems) {
        return new UserError(
                "tokenizer must be one of Hugging Face's, got %d problem%s (%s)\n  %s"
                        .formatted(
                                problems.size(),
                                problems.size() == 1 ? "" : "s",
                                source,
                                String.join("\n  ", problems)));
    }
}
