package cleave.hub;

import cleave.config.StandIn;
import cleave.config.UserError;
import cleave.config.YamlTree;
import cleave.config.YamlTree.Mapping;
import cleave.config.YamlTree.Node;
import cleave.config.YamlTree.Scalar;
import cleave.config.YamlTree.Sequence;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The configuration of a published language model: `config.json`, or `model_config.yaml`, which
/// Goodfire's training writes and which has keys of the same kind.
final class PublishedConfig {
    /// The file of Hugging Face's tools.
    static final String FILE = "config.json";

    /// The file of Goodfire's.
    static final String YAML = "model_config.yaml";

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private PublishedConfig() {}

    /// The file in a folder; empty when there is none.
    static Optional<Path> in(Path folder) {
        return List.of(FILE, YAML).stream()
                .map(folder::resolve)
                .filter(Files::isRegularFile)
                .findFirst();
    }

    /// Reads a file.
    ///
    /// @throws UserError when it cannot be read, or is no table of keys
    static JsonNode read(Path file) {
        StandIn.refuseDownload(file, "model's " + file.getFileName());
        JsonNode root;
        try {
            root =
                    file.endsWith(YAML)
                            ? node(YamlTree.parse(file.toString(), Files.readString(file)))
                            : JSON.readTree(Files.readAllBytes(file));
        } catch (JacksonException malformed) {
            throw new UserError(
                    "model's configuration must be JSON, got %s (%s)"
                            .formatted(malformed.getOriginalMessage(), file),
                    malformed);
        } catch (IOException failure) {
            throw new UserError(
                    "model's configuration must be readable, got %s (%s)"
                            .formatted(UserError.reason(failure), file),
                    failure);
        }
        if (!root.isObject()) {
            throw new UserError(
                    "model's configuration must be keys with values, got %s (%s)"
                            .formatted(root.getNodeType(), file));
        }
        return root;
    }

    private static JsonNode node(Node tree) {
        return switch (tree) {
            case Mapping mapping -> {
                ObjectNode object = JSON.createObjectNode();
                mapping.entries().forEach((key, value) -> object.set(key, node(value)));
                yield object;
            }
            case Sequence sequence -> {
                ArrayNode array = JSON.createArrayNode();
                sequence.items().forEach(item -> array.add(node(item)));
                yield array;
            }
            case Scalar scalar -> JSON.valueToTree(value(scalar));
        };
    }

    private static Object value(Scalar scalar) {
        return switch (scalar.meaning()) {
            case NOTHING -> JSON.nullNode();
            case BOOLEAN -> Boolean.parseBoolean(scalar.text());
            case WHOLE_NUMBER -> whole(new BigInteger(scalar.text()));
            case NUMBER -> new BigDecimal(scalar.text());
            case NOT_FINITE, TEXT -> scalar.text();
        };
    }

    /// A number as JSON's reader gives it.
    private static Number whole(BigInteger number) {
        return number.bitLength() < Integer.SIZE ? (Number) number.intValue() : number;
    }
}
