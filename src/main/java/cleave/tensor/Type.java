package cleave.tensor;

import java.util.Arrays;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The type of a tensor's numbers.
public enum Type {
    /// IEEE single precision, 32 bits.
    FLOAT(ScalarType.Float),
    /// IEEE double precision, 64 bits.
    DOUBLE(ScalarType.Double),
    /// Signed 64-bit integer.
    LONG(ScalarType.Long),
    /// True or false, one byte.
    BOOL(ScalarType.Bool),
    /// Unsigned byte.
    BYTE(ScalarType.Byte),
    /// Signed 32-bit integer.
    INT(ScalarType.Int),
    /// IEEE half precision, 16 bits.
    HALF(ScalarType.Half),
    /// The upper half of a FLOAT, 16 bits.
    BFLOAT16(ScalarType.BFloat16);

    private final ScalarType raw;

    Type(ScalarType raw) {
        this.raw = raw;
    }

    /// The engine's name of this type. Only this package and the engines use it.
    public ScalarType raw() {
        return raw;
    }

    /// The type that the engine names so.
    ///
    /// @throws IllegalArgumentException when it is none of these
    public static Type of(ScalarType raw) {
        for (Type type : values()) {
            if (type.raw.value == raw.value) {
                return type;
            }
        }
        throw new IllegalArgumentException(
                "type of a tensor must be one of %s, got %s"
                        .formatted(Arrays.toString(values()), raw.intern()));
    }

    /// The engine's name, such as `Float`.
    @Override
    public String toString() {
        return raw.name();
    }
}
