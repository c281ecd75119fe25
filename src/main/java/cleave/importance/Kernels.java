package cleave.importance;

import cleave.tensor.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Whether the kernels can be used, and how tensors reach them.
final class Kernels {
    // Incubating modules are there only when the JVM was started with --add-modules.
    private static final boolean PRESENT =
            ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();

    private Kernels() {}

    /// Whether kernels can read numbers of this type.
    static boolean read(ScalarType type) {
        return PRESENT && type == ScalarType.Float;
    }

    /// Whether kernels can read this tensor.
    static boolean read(Tensor tensor) {
        return read(Tensors.type(tensor)) && tensor.is_contiguous();
    }

    /// The address of a contiguous tensor's first number.
    static long address(Tensor tensor) {
        return address(tensor, 0);
    }

    /// The address of a number of a contiguous float32 tensor.
    static long address(Tensor tensor, long number) {
        return tensor.data_ptr().address() + Float.BYTES * number;
    }
}
