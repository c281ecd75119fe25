package cleave.hub;

import cleave.tensor.Safetensors;
import cleave.tensor.Safetensors.Header;
import cleave.tensor.Tensor;
import cleave.tensor.Type;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;

/// A tensor of a model's files, described but not read.
///
/// @param kind how its numbers are stored, as the file's format calls it, such as `BF16` or `Q4_1`
/// @param shape the slowest axis first
/// @param bytes it takes in the file
/// @param file it is in
/// @param reader reads it as numbers of a type, into the caller's scope
public record StoredTensor(
        String kind, List<Long> shape, long bytes, Path file, Function<Type, Tensor> reader) {
    private static final Set<String> OTHERS = Set.of("BOOL", "U8", "I32", "I64");

    /// Keeps an unmodifiable copy.
    public StoredTensor {
        shape = List.copyOf(shape);
    }

    /// A tensor of a safetensors file.
    ///
    /// @param name one of the header's
    static StoredTensor of(Header header, String name) {
        Safetensors.Entry entry = Objects.requireNonNull(header.tensors().get(name));
        return new StoredTensor(
                entry.type().name(),
                entry.shape(),
                entry.end() - entry.begin(),
                header.file(),
                type -> Safetensors.read(header, name, type));
    }

    /// Reads it; the caller's scope owns the result.
    ///
    /// @param type to compute in
    public Tensor read(Type type) {
        return reader.apply(type);
    }

    /// Whether its numbers are of floating point, or stand for such.
    boolean isFloating() {
        return !OTHERS.contains(kind);
    }

    /// How many numbers it has.
    public long numbers() {
        return shape.stream().reduce(1L, Math::multiplyExact);
    }
}
