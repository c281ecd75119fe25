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
    /// The kinds of safetensors files that are numbers of floating point.
    private static final Set<String> PLAIN = Set.of("F16", "BF16", "F32", "F64");

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
                entry.kind(),
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
        return PLAIN.contains(kind) || GgufType.named(kind).isPresent();
    }

    /// How many numbers it has.
    public long numbers() {
        return shape.stream().reduce(1L, Math::multiplyExact);
    }
}
