package cleave.hub;

import cleave.config.UserError;
import cleave.tensor.AtomicFile;
import cleave.tensor.ElementType;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Type;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// Writes a model as a folder that Hugging Face's tools open: `config.json`, `model.safetensors`
/// and the tokenizer's files. Numbers of a plain type keep it; those of a GGUF file become
/// `float32`, which holds all of them. A buffer of a kind that is not known here is left out.
public final class Conversion {
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private Conversion() {}

    /// Writes the folder.
    ///
    /// @param out a folder that is empty or not there
    /// @throws UserError when the folder holds something, or a weight is no finite number
    public static void write(ModelFiles files, Path out) throws IOException {
        requireFree(out);
        SortedMap<String, byte[]> tokenizer = files.tokenizer();
        Files.createDirectories(out);
        Scopes.run(() -> {
            SortedMap<String, Tensor> tensors = new TreeMap<>();
            files.tensors()
                    .forEach((name, stored) -> {
                        Optional<Type> type = type(files, stored);
                        if (type.isPresent()) {
                            tensors.put(
                                    name,
                                    FiniteWeights.require(
                                            name,
                                            stored.read(type.get()).contiguous(),
                                            stored.file()));
                        } else if (!files.isBuffer(name)) {
                            throw new UserError(
                                    "tensor %s must be stored as one of %s, got %s (%s)"
                                            .formatted(
                                                    name,
                                                    Arrays.toString(ElementType.values()),
                                                    stored.kind(),
                                                    stored.file()));
                        }
                    });
            try {
                Safetensors.write(out.resolve(Model.WEIGHTS), tensors, Map.of("format", "pt"));
            } catch (IOException failure) {
                throw new java.io.UncheckedIOException(failure);
            }
        });
        for (Map.Entry<String, byte[]> file : tokenizer.entrySet()) {
            AtomicFile.write(out.resolve(file.getKey()), file.getValue());
        }
        AtomicFile.write(
                out.resolve(HuggingFace.CONFIG), JSON.writeValueAsString(files.config()) + "\n");
    }

    private static Optional<Type> type(ModelFiles files, StoredTensor stored) {
        return files.isGguf()
                ? Optional.of(Type.FLOAT)
                : ElementType.named(stored.kind()).map(ElementType::scalarType);
    }

    private static void requireFree(Path out) throws IOException {
        if (!Files.exists(out)) {
            return;
        }
        boolean free;
        try (Stream<Path> inside = Files.isDirectory(out) ? Files.list(out) : Stream.of(out)) {
            free = inside.findAny().isEmpty();
        }
        if (!free) {
            throw UserError.withHints(
                    "folder to write to must be empty or not there, got %s".formatted(out),
                    "nothing is replaced; remove it or name another");
        }
    }
}
