package cleave.tensor;

import java.util.function.Supplier;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.jspecify.annotations.Nullable;

/// Where a tensor's numbers are.
///
/// @param kind the kind of processor
/// @param index which one of its kind, from 0; 0 for the CPU and for none
public record Device(Kind kind, int index) {
    /// The processor that Java runs on.
    public static final Device CPU = new Device(Kind.CPU, 0);

    /// No processor at all: tensors have a type and a shape, and no numbers. Operations give their
    /// results' shapes, take no memory and no time, and whatever is read from a tensor is 0. What a
    /// computation takes is found out so.
    public static final Device META = new Device(Kind.META, 0);

    private static final ScopedValue<Device> HERE = ScopedValue.newInstance();

    /// Kinds of processors.
    public enum Kind {
        /// The processor that Java runs on.
        CPU,
        /// A graphics processor of NVIDIA.
        CUDA,
        /// None: shapes without numbers.
        META
    }

    /// Checks the index.
    ///
    /// @throws IllegalArgumentException for a negative index, and for one other than 0 of what
    ///   there is one of
    public Device {
        if (index < 0 || (kind != Kind.CUDA && index != 0)) {
            throw new IllegalArgumentException(
                    "index of a device must be at least 0, and 0 unless it is of CUDA, got %s %d"
                            .formatted(kind, index));
        }
    }

    /// The device of tensors that the calling thread makes without naming one: that of the
    /// innermost `run`, else the CPU.
    public static Device here() {
        return HERE.orElse(CPU);
    }

    /// Runs `work` with this as the device of tensors that are made without naming one. Threads
    /// that `work` starts know nothing of it.
    public <T extends @Nullable Object> T run(Supplier<T> work) {
        return equals(here()) ? work.get() : ScopedValue.where(HERE, this).call(work::get);
    }

    /// Whether there are numbers.
    public boolean hasNumbers() {
        return kind != Kind.META;
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
        if (raw.is_meta()) {
            return META;
        }
        throw new IllegalArgumentException("device must be a CPU or of CUDA, got another");
    }

    /// The engine's own; the caller's scope owns it.
    org.bytedeco.pytorch.Device raw() {
        return new org.bytedeco.pytorch.Device(toString());
    }

    /// Options of a new tensor of this type here; the caller's scope owns them.
    TensorOptions options(Type type) {
        TensorOptions options = new TensorOptions(type.raw());
        return kind == Kind.CPU ? options : options.device(new DeviceOptional(raw()));
    }

    /// `cpu`, `cuda:0` and so on, or `meta`.
    @Override
    public String toString() {
        return switch (kind) {
            case CPU -> "cpu";
            case CUDA -> "cuda:" + index;
            case META -> "meta";
        };
    }
}
