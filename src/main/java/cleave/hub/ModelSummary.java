package cleave.hub;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What a model's files say of it, before any weight is read.
///
/// @param file of the weights, or of their index
/// @param family its `model_type`, or the kind of a model of Cleave's own
/// @param parameters how many numbers it has
/// @param tensors how many tensors they are in
/// @param kinds how many tensors are stored as numbers of each kind
/// @param fileBytes what the tensors take in the file
/// @param float32Bytes what they take in memory
/// @param tokenizer its kind and how many tokens it has, or `none`
/// @param specialTokens numbers and texts of tokens that are no text, by what they are for
public record ModelSummary(
        String file,
        String family,
        long parameters,
        int tensors,
        SortedMap<String, Integer> kinds,
        long fileBytes,
        long float32Bytes,
        String tokenizer,
        SequencedMap<String, String> specialTokens) {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    /// Summarises files.
    ///
    /// @throws IOException when the tokenizer's files cannot be read
    public static ModelSummary of(ModelFiles files) throws IOException {
        SortedMap<String, Integer> kinds = new TreeMap<>();
        files.tensors().values().forEach(tensor -> kinds.merge(tensor.kind(), 1, Integer::sum));
        long parameters = files.tensors().values().stream().mapToLong(StoredTensor::numbers).sum();
        Optional<JsonNode> tokenizer =
                Optional.ofNullable(files.tokenizer().get("tokenizer.json")).map(JSON::readTree);
        return new ModelSummary(
                files.weights().toString(),
                files.config().path("model_type").asString("none"),
                parameters,
                files.tensors().size(),
                kinds,
                files.tensors().values().stream().mapToLong(StoredTensor::bytes).sum(),
                parameters * Float.BYTES,
                tokenizer
                        .map(ModelSummary::described)
                        .orElse(files.tokenizer().isEmpty() ? "none" : "of several files"),
                special(files.config(), tokenizer));
    }

    private static String described(JsonNode tokenizer) {
        JsonNode model = tokenizer.path("model");
        return "%s of %d tokens, %d of them added"
                .formatted(
                        model.path("type").asString("BPE"),
                        model.path("vocab").size(),
                        tokenizer.path("added_tokens").size());
    }

    private static SequencedMap<String, String> special(
            JsonNode config, Optional<JsonNode> tokenizer) {
        SequencedMap<String, String> special = new LinkedHashMap<>();
        Map<Long, String> names = new TreeMap<>();
        tokenizer.ifPresent(root -> {
            for (JsonNode token : root.path("added_tokens")) {
                names.put(token.path("id").asLong(-1), token.path("content").asString(""));
            }
        });
        for (String purpose : new String[] {"bos", "eos", "pad"}) {
            JsonNode id = config.path(purpose + "_token_id");
            if (id.isIntegralNumber()) {
                String name = names.get(id.longValue());
                special.put(purpose, id + (name == null ? "" : " " + name));
            }
        }
        return special;
    }
}
