package cleave.engine;

import cleave.tensor.Device;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.stream.LongStream;

/// Whether the kernels can be used, and how tensors reach them.
final class Kernels {
    // Incubating modules are there only when the JVM was started with --add-modules.
    private static final boolean PRESENT =
            ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();

    private static final int NARROWEST = 4; // numbers of a vector

    private Kernels() {}

    /// Whether kernels can read numbers of this type.
    public static boolean read(Type type) {
        return PRESENT && type == Type.FLOAT && Lanes.WIDTH >= NARROWEST;
    }

    /// Whether kernels can read numbers of this type on this device.
    static boolean read(Type type, Device device) {
        return read(type) && device.equals(Device.CPU);
    }

    /// Whether kernels can read this tensor as it lies.
    static boolean read(Tensor tensor) {
        return read(Tensors.type(tensor), tensor.device()) && tensor.is_contiguous();
    }

    /// The address of a contiguous tensor's first number.
    public static long address(Tensor tensor) {
        return address(tensor, 0);
    }

    /// The address of a number of a contiguous float32 tensor.
    public static long address(Tensor tensor, long number) {
        return tensor.address() + Float.BYTES * number;
    }

    /// The rows of a contiguous float32 matrix that hold a number other than zero, rising.
    public static long[] rowsWithNonzero(Tensor matrix) {
        long columns = matrix.size(1);
        long address = address(matrix);
        return LongStream.range(0, matrix.size(0))
                .filter(row -> hasNonzero(address + Lanes.bytes(row * columns), columns))
                .toArray();
    }

    private static boolean hasNonzero(long address, long count) {
        for (long i = 0; i < count; i++) {
            if (Lanes.number(address + Lanes.bytes(i)) != 0) {
                return true;
            }
        }
        return false;
    }
}
