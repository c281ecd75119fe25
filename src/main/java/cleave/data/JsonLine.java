package cleave.data;

import cleave.config.NearestName;
import cleave.config.UserError;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A line of a JSON Lines file: an object with a `text` and, if it has one, an `answer`. Further
/// keys are passed over, unless one is a misspelling of a key that is missing.
///
/// @param text the words
/// @param answer what follows the text
public record JsonLine(String text, Optional<String> answer) {
    private static final String TEXT = "text";
    private static final String ANSWER = "answer";
    private static final List<String> KEYS = List.of(TEXT, ANSWER);
    private static final int SHOWN = 80; // characters of a line

    /// A line may be as long as its file: what fits in memory as text is read.
    private static final JsonMapper JSON =
            JsonMapper.builder(
                            JsonFactory.builder()
                                    .streamReadConstraints(
                                            StreamReadConstraints.builder()
                                                    .maxStringLength(Integer.MAX_VALUE)
                                                    .build())
                                    .build())
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .disable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS) // seen to below
                    .build();

    /// Reads a line.
    ///
    /// @param place as in `facts.jsonl:3`, for messages
    /// @throws UserError when it is no such object
    public static JsonLine read(String line, String place) {
        JsonNode object = object(line, place);
        for (String key : object.propertyNames()) {
            Optional<String> meant =
                    KEYS.contains(key) ? Optional.empty() : NearestName.of(key, KEYS);
            if (meant.filter(near -> !object.has(near)).isPresent()) {
                throw UserError.withHints(
                        "%s: %s is not a known key".formatted(place, key),
                        "did you mean %s?".formatted(meant.get()));
            }
        }
        String text = string(object, TEXT, place);
        if (text == null) {
            throw new UserError("%s: text is missing (text)".formatted(place));
        }
        return new JsonLine(text, Optional.ofNullable(string(object, ANSWER, place)));
    }

    /// Reads a line that has a text for each of these keys, in their order. Further keys are passed
    /// over.
    ///
    /// @param place as in `questions.jsonl:3`, for messages
    /// @throws UserError when it is no object, or with every key that is missing or empty
    public static List<String> texts(String line, String place, List<String> keys) {
        JsonNode object = object(line, place);
        List<String> texts = new ArrayList<>();
        List<String> problems = new ArrayList<>();
        for (String key : keys) {
            String text = string(object, key, place);
            if (text == null) {
                problems.add("%s: %s is missing (text)".formatted(place, key));
            } else if (text.isEmpty()) {
                problems.add("%s: %s must not be empty".formatted(place, key));
            } else {
                texts.add(text);
            }
        }
        if (!problems.isEmpty()) {
            throw new UserError(String.join("\n", problems));
        }
        return texts;
    }

    private static JsonNode object(String line, String place) {
        String reason = "";
        try (JsonParser parser = JSON.createParser(line)) {
            JsonNode node = JSON.readTree(parser);
            if (parser.nextToken() != null) {
                reason = ": more follows the first value";
            } else if (node.isObject()) {
                return node;
            }
        } catch (JacksonException malformed) {
            reason =
                    ": "
                            + malformed
                                    .getOriginalMessage()
                                    .replaceFirst(" \\((start marker at|.*, from `).*", "");
        }
        throw new UserError(
                "%s: line must be a JSON object, got %s%s"
                        .formatted(
                                place,
                                line.length() <= SHOWN ? line : line.substring(0, SHOWN) + "...",
                                reason));
    }

    /// The text of a key; null where it is absent or `null`.
    private static @Nullable String string(JsonNode object, String key, String place) {
        JsonNode value = object.path(key);
        if (value.isMissingNode() || value.isNull()) {
            return null;
        }
        if (!value.isString()) {
            throw new UserError("%s: %s must be text, got %s".formatted(place, key, value));
        }
        String text = value.stringValue();
        int lone = loneSurrogate(text);
        if (lone >= 0) {
            throw new UserError(
                    "%s: %s must be Unicode text, got half a character at %d"
                            .formatted(place, key, lone));
        }
        return text;
    }

    /// Where a half of a surrogate pair stands without the other; -1 where none does.
    private static int loneSurrogate(String text) {
        for (int i = 0; i < text.length(); ) {
            int character = text.codePointAt(i);
            if (Character.MIN_SURROGATE <= character && character <= Character.MAX_SURROGATE) {
                return i;
            }
            i += Character.charCount(character);
        }
        return -1;
    }
}
