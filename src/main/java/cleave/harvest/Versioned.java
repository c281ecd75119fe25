package cleave.harvest;

import cleave.config.UserError;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/// A file of one JSON object that says its format and version.
final class Versioned {
    private Versioned() {}

    /// Reads a file.
    ///
    /// @param what it is, for messages
    /// @param version the newest that can be read
    /// @throws UserError when it is another file, or one of a newer version
    static <T> T read(Path file, String what, String format, int version, Class<T> type) {
        try {
            JsonNode tree = HarvestFolder.JSON.readTree(Files.readAllBytes(file));
            if (!format.equals(tree.path("format").asString(""))) {
                throw new UserError("%s must be of format %s (%s)".formatted(what, format, file));
            }
            int found = tree.path("version").asInt(0);
            if (found < 1 || found > version) {
                throw UserError.withHints(
                        "%s must be of version 1..%d, got %d (%s)"
                                .formatted(what, version, found, file),
                        "a newer cleave wrote it; update cleave to read it");
            }
            return HarvestFolder.JSON.treeToValue(tree, type);
        } catch (IOException | JacksonException failure) {
            throw new UserError(
                    "%s must be readable, got %s (%s)".formatted(what, failure.getMessage(), file),
                    failure);
        }
    }
}
