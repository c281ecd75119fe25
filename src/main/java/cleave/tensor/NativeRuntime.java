package cleave.tensor;

import cleave.config.UserError;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Context;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.global.torch;

/// Start-up of libtorch: once per process, then once per thread that runs tensor code.
public final class NativeRuntime {
    private static final Pattern VERSION = Pattern.compile("TORCH_VERSION=([^,\\s]+)");

    /// The variables from which libraries learn which kernels to use, with their values for
    /// `PORTABLE`.
    static final Map<String, String> PORTABLE_KERNELS =
            Map.of(
                    "OPENBLAS_CORETYPE", "Haswell",
                    "ATEN_CPU_CAPABILITY", "avx2",
                    "ONEDNN_MAX_CPU_ISA", "AVX2");

    private static boolean started;
    private static Arithmetic arithmetic = Arithmetic.FAST;
    private static boolean mallocThresholdsRaised;

    private NativeRuntime() {}

    /// Loads libtorch on the first call, and prepares the calling thread on every call.
    ///
    /// Parallel work is cut into our own workers, so libtorch and OpenBLAS each get one thread.
    ///
    /// @throws UserError if the JVM would also search the system for libtorch, and crash when it
    ///   finds one there
    public static synchronized void start() {
        if (!started) {
            requireEmptyLibraryPath(System.getProperty("java.library.path", ""));
            if (arithmetic == Arithmetic.PORTABLE) {
                PORTABLE_KERNELS.forEach(ForeignCalls::setVariable);
            }
            mallocThresholdsRaised = ForeignCalls.raiseMallocThresholds();
            Path cache = cacheFolder();
            try {
                NativeCache.exclusively(cache, () -> Loader.load(torch.class));
            } catch (UnsatisfiedLinkError | NoClassDefFoundError refused) {
                throw NativeCache.refused(cache, refused);
            }
            ForeignCalls.setOpenBlasThreads(1);
            started = true;
        }
        prepareThread();
    }

    /// Loads a part of the engine that only some processes need.
    static synchronized void load(Class<?> part) {
        NativeCache.exclusively(cacheFolder(), () -> Loader.load(part));
    }

    /// As `start`, with a choice of instructions. In a process that computes portably already
    /// everything stays portable.
    ///
    /// @throws UserError when the numbers must be portable and libtorch was loaded before with all
    ///   that this processor has
    public static synchronized void start(Arithmetic wanted) {
        if (!started) {
            arithmetic = wanted;
        } else if (wanted == Arithmetic.PORTABLE && arithmetic != Arithmetic.PORTABLE) {
            throw new UserError(
                    "portable arithmetic must be chosen before libtorch is loaded, got a process"
                            + " that has loaded it with all that this processor has"
                            + "\nhint: read such a run in a process of its own, or first"
                            + " (NativeRuntime.start)");
        }
        start();
    }

    /// Which instructions this process computes with.
    public static synchronized Arithmetic arithmetic() {
        return arithmetic;
    }

    /// Gives the calling thread what libtorch keeps per thread: gradients on, denormal numbers
    /// flushed to zero, one thread inside an operation. A worker calls it before its first tensor.
    public static void prepareThread() {
        GradMode.set_enabled(true);
        // False on processors without the mode: there, results keep their denormals.
        Context.setFlushDenormal(true);
        torch.set_num_threads(1);
    }

    /// Lets an operation of the calling thread use several threads, and OpenBLAS those of any
    /// thread. Training never does; it is for measuring against code that does.
    public static synchronized void useThreadsInsideOperations(int threads) {
        start();
        torch.set_num_threads(threads);
        ForeignCalls.setOpenBlasThreads(threads);
    }

    /// Whether `start` could raise glibc's malloc thresholds, so that freed tensors are reused.
    public static synchronized boolean mallocThresholdsRaised() {
        return mallocThresholdsRaised;
    }

    /// The version of the GNU C library, empty where the C library is another one.
    public static Optional<String> glibcVersion() {
        return ForeignCalls.glibcVersion();
    }

    /// The threads of OpenBLAS, empty before `start` and where libtorch uses another library.
    public static OptionalInt openBlasThreads() {
        return ForeignCalls.openBlasThreads();
    }

    /// The version of libtorch, such as `2.10.0`.
    public static String libtorchVersion() {
        Matcher version = VERSION.matcher(libtorchBuild());
        return version.find() ? version.group(1) : "unknown";
    }

    /// What libtorch says about its build, several lines.
    public static String libtorchBuild() {
        return text(torch::show_config);
    }

    /// What libtorch says about its threads, several lines.
    public static String parallelInfo() {
        return text(torch::get_parallel_info);
    }

    /// The instruction set that libtorch's kernels use here, such as `AVX2`.
    private static String cpuCapability() {
        return text(torch::get_cpu_capability);
    }

    /// What the kernels here were chosen for, such as `libtorch AVX2, OpenBLAS Haswell`.
    public static String kernels() {
        String capability = "libtorch " + cpuCapability();
        String kernels =
                ForeignCalls.openBlasCore()
                        .map(core -> capability + ", OpenBLAS " + core)
                        .orElse(capability);
        return arithmetic() == Arithmetic.PORTABLE ? "portable: " + kernels : kernels;
    }

    private static Path cacheFolder() {
        try {
            return Loader.getCacheDir().toPath();
        } catch (IOException noCache) {
            throw NativeCache.refused(NativeCache.configured(), noCache);
        }
    }

    static void requireEmptyLibraryPath(String path) {
        if (!path.isEmpty()) {
            throw new UserError(
                    "the JVM must be started with -Djava.library.path= (empty), got "
                            + path
                            + "\nhint: start with bin/cleave, which passes it");
        }
    }

    private static String text(Supplier<BytePointer> call) {
        start();
        try (PointerScope _ = new PointerScope()) {
            return call.get().getString().strip();
        }
    }
}
