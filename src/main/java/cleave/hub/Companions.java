package cleave.hub;

import cleave.config.UserError;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;

/// The files of a language model's folder beside its weights and its configuration: tokenizer,
/// settings of generation, chat template, card, licence and whatever else it was given.
final class Companions {
    /// Endings of weights, of whatever format, and of the indices of their files: they would not be
    /// those of a changed model.
    private static final List<String> WEIGHTS =
            List.of(
                    ".safetensors",
                    ".gguf",
                    ".bin",
                    ".pt",
                    ".pth",
                    ".ckpt",
                    ".pkl",
                    ".h5",
                    ".msgpack",
                    ".onnx",
                    ".onnx_data",
                    ".ot",
                    ".tflite",
                    ".mlmodel",
                    ".npz",
                    ".index.json");

    private static final Set<String> CONFIGURATIONS =
            Set.of("config.json", "config.yaml", "model_config.yaml");

    /// Folders of which the files count as well.
    private static final List<String> FOLDERS = List.of("", "additional_chat_templates");

    private Companions() {}

    /// Their paths within the folder; hidden files and other folders are none.
    static List<Path> of(Path folder) {
        List<Path> found = new ArrayList<>();
        for (String inner : FOLDERS) {
            Path from = folder.resolve(inner);
            if (!Files.isDirectory(from)) {
                continue;
            }
            try (Stream<Path> files = Files.list(from)) {
                files.filter(Files::isRegularFile)
                        .filter(file -> isCompanion(file.getFileName().toString()))
                        .map(folder::relativize)
                        .sorted()
                        .forEach(found::add);
            } catch (IOException failure) {
                throw new UserError(
                        "model's folder must be readable, got %s (%s)"
                                .formatted(UserError.reason(failure), from),
                        failure);
            }
        }
        return found;
    }

    private static boolean isCompanion(String name) {
        String lower = name.toLowerCase(Locale.ROOT);
        return !name.startsWith(".")
                && !CONFIGURATIONS.contains(name)
                && WEIGHTS.stream().noneMatch(lower::endsWith);
    }
}
