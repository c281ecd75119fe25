package cleave.tensor;

import java.util.Arrays;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The element types a file of tensors may hold, under the names of the safetensors format.
public enum ElementType {
    /// One byte, 0 or 1.
    BOOL(1, ScalarType.Bool),
    /// Unsigned byte.
    U8(1, ScalarType.Byte),
    /// Signed 32-bit integer.
    I32(4, ScalarType.Int),
    /// Signed 64-bit integer.
    I64(8, ScalarType.Long),
    /// IEEE half precision.
    F16(2, ScalarType.Half),
    /// bfloat16: the upper half of an F32.
    BF16(2, ScalarType.BFloat16),
    /// IEEE single precision.
    F32(4, ScalarType.Float),
    /// IEEE double precision.
    F64(8, ScalarType.Double);

    private final int bytes;
    private final ScalarType scalarType;

    ElementType(int bytes, ScalarType scalarType) {
        this.bytes = bytes;
        this.scalarType = scalarType;
    }

    /// Bytes of one element.
    public int bytes() {
        return bytes;
    }

    /// The engine's name of this type.
    public ScalarType scalarType() {
        return scalarType;
    }

    /// The element type of `scalarType`; `what` begins the message when there is none.
    static ElementType of(ScalarType scalarType, String what) {
        return Arrays.stream(values())
                .filter(type -> type.scalarType.value == scalarType.value)
                .findFirst()
                .orElseThrow(() ->
                        new IllegalArgumentException(
                                "%s must have an element type among %s, got %s"
                                        .formatted(
                                                what,
                                                Arrays.toString(values()),
                                                scalarType.intern())));
    }
}
