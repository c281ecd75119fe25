package cleave.config;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/// Configurations as files.
public final class ConfigFile {
    private ConfigFile() {}

    /// Reads a file, applies the `key.path=value` settings and binds the result.
    ///
    /// @throws UserError when the file cannot be read, or with every problem in it
    public static <T> T read(Path file, List<String> settings, Class<T> type) {
        return read(file, settings, type, _ -> {});
    }

    /// Reads a configuration as the method above does, and tells of names that have changed.
    ///
    /// @param notes is told of every name in the file that is another one today
    public static <T> T read(
            Path file, List<String> settings, Class<T> type, Consumer<Problem> notes) {
        return Binder.read(file.toString(), text(file), settings, type, Kinds.installed(), notes);
    }

    /// The text of a configuration.
    ///
    /// @throws UserError when it cannot be read
    public static String text(Path file) {
        if (!Files.exists(file)) {
            throw new UserError(
                    "configuration must be an existing file, got %s (%s)"
                            .formatted(file, file.toAbsolutePath().normalize()));
        }
        if (Files.isDirectory(file)) {
            throw new UserError("configuration must be a file, got a folder (%s)".formatted(file));
        }
        StandIn.refuseDownload(file, "configuration");
        try {
            return Files.readString(file);
        } catch (CharacterCodingException malformed) {
            throw new UserError(
                    "configuration must be UTF-8 text, got other bytes (%s)".formatted(file),
                    malformed);
        } catch (IOException failure) {
            throw new UserError(
                    "configuration must be readable, got %s (%s)"
                            .formatted(UserError.reason(failure), file),
                    failure);
        }
    }
}
