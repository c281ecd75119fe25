package cleave.study.toys;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// The outcome of one decomposition, with what is needed to make it again.
///
/// @param key which decomposition
/// @param numbers figures by name
/// @param facts the command, the date and the like, by name
public record ToyRow(
        Key key, SequencedMap<String, Double> numbers, SequencedMap<String, String> facts) {

    /// What two rows of the same decomposition share.
    ///
    /// @param toy name of the toy
    /// @param settings which of its configurations
    /// @param seed of the decomposition
    /// @param config SHA-256 of the configuration, but for its seed, target's place, machine and
    ///   cadence
    /// @param target SHA-256 of the target's weights
    public record Key(String toy, String settings, long seed, String config, String target) {}

    /// A figure; NaN when it is missing.
    public double number(String metric) {
        return numbers.getOrDefault(metric, Double.NaN);
    }

    /// One line of the rows' file.
    JsonNode toJson() {
        ObjectNode row = JsonNodeFactory.instance.objectNode();
        row.put("toy", key.toy()).put("settings", key.settings()).put("seed", key.seed());
        row.put("config", key.config()).put("target", key.target());
        ObjectNode figures = row.putObject("numbers");
        numbers.forEach((name, value) -> {
            if (Double.isFinite(value)) {
                figures.put(name, value);
            } else {
                figures.putNull(name);
            }
        });
        ObjectNode rest = row.putObject("facts");
        facts.forEach(rest::put);
        return row;
    }

    /// Reads a line of the rows' file.
    static ToyRow fromJson(JsonNode row) {
        SequencedMap<String, Double> numbers = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> each : row.path("numbers").properties()) {
            numbers.put(each.getKey(), each.getValue().asDouble(Double.NaN));
        }
        SequencedMap<String, String> facts = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> each : row.path("facts").properties()) {
            facts.put(each.getKey(), each.getValue().asString());
        }
        Key key =
                new Key(
                        row.path("toy").asString(),
                        row.path("settings").asString(),
                        row.path("seed").asLong(),
                        row.path("config").asString(),
                        row.path("target").asString());
        return new ToyRow(key, numbers, facts);
    }
}
