package cleave.harvest;

import cleave.config.UserError;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;

/// The sums of a harvest as a file of tensors, from which a harvest that was stopped goes on, and
/// from which parts are merged.
final class SumsFile {
    /// Its name in a harvest's folder.
    static final String NAME = "sums.safetensors";

    private static final String SETTINGS = "settings";
    private static final String DONE = "slices";
    private static final String FORMAT = "format";

    private SumsFile() {}

    /// What a file holds.
    ///
    /// @param settings what was counted
    /// @param slices how many slices were taken from the text
    record Saved(HarvestSettings settings, long slices, Columns columns) {}

    static void write(Path file, HarvestSettings settings, long slices, HarvestSums sums)
            throws IOException {
        Columns columns = sums.columns();
        try {
            Scopes.run(() -> {
                SortedMap<String, Tensor> tensors = new TreeMap<>();
                columns.whole()
                        .forEach((name, numbers) ->
                                tensors.put(
                                        name, whole(numbers, sums.shape(name, numbers.length))));
                columns.real().forEach((name, numbers) -> tensors.put(name, real(numbers)));
                try {
                    Safetensors.write(
                            file,
                            tensors,
                            Map.of(
                                    FORMAT,
                                    HarvestFolder.FORMAT,
                                    SETTINGS,
                                    HarvestFolder.JSON.writeValueAsString(settings),
                                    DONE,
                                    Long.toString(slices)));
                } catch (IOException failure) {
                    throw new UncheckedIOException(failure);
                }
            });
        } catch (UncheckedIOException failure) {
            throw failure.getCause();
        }
    }

    // What is empty has no memory to copy to.
    private static Tensor whole(long[] numbers, long... shape) {
        return numbers.length == 0 ? Tensors.empty(Type.LONG, shape) : Tensors.of(numbers, shape);
    }

    private static Tensor real(float... numbers) {
        return numbers.length == 0
                ? Tensors.empty(Type.FLOAT, 0)
                : Tensors.of(numbers, Type.FLOAT, numbers.length);
    }

    /// Reads a file.
    ///
    /// @throws UserError when it is not one of sums
    static Saved read(Path file) {
        Map<String, String> metadata = Safetensors.header(file).metadata();
        if (!HarvestFolder.FORMAT.equals(metadata.get(FORMAT))) {
            throw new UserError("harvest must hold sums, got another file (%s)".formatted(file));
        }
        HarvestSettings settings;
        try {
            settings =
                    HarvestFolder.JSON.readValue(
                            metadata.getOrDefault(SETTINGS, ""), HarvestSettings.class);
        } catch (JacksonException malformed) {
            throw new UserError(
                    "harvest must hold its settings, got none (%s)".formatted(file), malformed);
        }
        Columns columns = new Columns();
        try (TensorMap tensors = Safetensors.read(file)) {
            for (String name : tensors.names()) {
                Tensor tensor = tensors.get(name);
                boolean none = tensor.numel() == 0;
                if (tensor.type() == Type.FLOAT) {
                    columns.put(name, none ? new float[0] : Tensors.toFloats(tensor));
                } else {
                    columns.put(name, none ? new long[0] : Tensors.toLongs(tensor));
                }
            }
        }
        return new Saved(settings, Long.parseLong(metadata.getOrDefault(DONE, "0")), columns);
    }
}
