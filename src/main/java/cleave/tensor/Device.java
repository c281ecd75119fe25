package cleave.tensor;

import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.TensorOptions;

/// Where a tensor's numbers are.
///
/// @param kind the kind of processor
/// @param index which one of its kind, from 0; 0 for the CPU
public record Device(Kind kind, int index) {
    /// The processor that Java runs on.
    public static final Device CPU = new Device(Kind.CPU, 0);

    /// Kinds of processors.
    public enum Kind {
        /// The processor that Java runs on.
        CPU,
        /// A graphics processor of NVIDIA.
        CUDA
    }

    /// Checks the index.
    ///
    /// @throws IllegalArgumentException for a negative index, and for a CPU other than 0
    public Device {
        if (index < 0 || (kind == Kind.CPU && index != 0)) {
            throw new IllegalArgumentException(
                    "index of a device must be 0 for the CPU and at least 0 for others, got "
                            + index);
        }
    }

    /// The graphics processor of this index.
    public static Device cuda(int index) {
        return new Device(Kind.CUDA, index);
    }

    static Device of(org.bytedeco.pytorch.Tensor raw) {
        if (raw.is_cpu()) {
            return CPU;
        }
        if (raw.is_cuda()) {
            return Scopes.run(() -> cuda(raw.device().index()));
        }
        throw new IllegalArgumentException("device must be a CPU or of CUDA, got another");
    }

    /// The engine's own; the caller's scope owns it.
    org.bytedeco.pytorch.Device raw() {
        return new org.bytedeco.pytorch.Device(kind == Kind.CPU ? "cpu" : "cuda:" + index);
    }

    /// Options of a new tensor of this type here; the caller's scope owns them.
    TensorOptions options(Type type) {
        TensorOptions options = new TensorOptions(type.raw());
        return kind == Kind.CPU ? options : options.device(new DeviceOptional(raw()));
    }

    /// `cpu`, `cuda:0` and so on.
    @Override
    public String toString() {
        return kind == Kind.CPU ? "cpu" : "cuda:" + index;
    }
}
