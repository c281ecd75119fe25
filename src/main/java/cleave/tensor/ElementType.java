package cleave.tensor;

import java.util.Arrays;
import java.util.Optional;

/// The element types a file of tensors may hold, under the names of the safetensors format.
public enum ElementType {
    /// One byte, 0 or 1.
    BOOL(1, Type.BOOL),
    /// Unsigned byte.
    U8(1, Type.BYTE),
    /// Signed 32-bit integer.
    I32(4, Type.INT),
    /// Signed 64-bit integer.
    I64(8, Type.LONG),
    /// IEEE half precision.
    F16(2, Type.HALF),
    /// bfloat16: the upper half of an F32.
    BF16(2, Type.BFLOAT16),
    /// IEEE single precision.
    F32(4, Type.FLOAT),
    /// IEEE double precision.
    F64(8, Type.DOUBLE);

    private final int bytes;
    private final Type scalarType;

    ElementType(int bytes, Type scalarType) {
        this.bytes = bytes;
        this.scalarType = scalarType;
    }

    /// Bytes of one element.
    public int bytes() {
        return bytes;
    }

    /// The type of tensors of such elements.
    public Type scalarType() {
        return scalarType;
    }

    /// The type that a file calls so; empty when it is none of these.
    public static Optional<ElementType> named(String name) {
        return Arrays.stream(values()).filter(type -> type.name().equals(name)).findFirst();
    }

    /// The type of a tensor's elements; `what` begins the message when no file can hold it.
    static ElementType of(Tensor tensor, String what) {
        var raw = tensor.raw().scalar_type();
        return Arrays.stream(values())
                .filter(type -> type.scalarType.raw().value == raw.value)
                .findFirst()
                .orElseThrow(() ->
                        new IllegalArgumentException(
                                "%s must have an element type among %s, got %s"
                                        .formatted(what, Arrays.toString(values()), raw.intern())));
    }
}
