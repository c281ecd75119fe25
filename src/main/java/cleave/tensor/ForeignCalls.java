package cleave.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;
import java.util.OptionalInt;

/// The C functions that JavaCPP does not bind: those of the C library, and three of OpenBLAS. Each
/// is looked up by name, so that a system without it is told apart and never crashes.
@SuppressWarnings("restricted")
final class ForeignCalls {
    private static final Linker LINKER = Linker.nativeLinker();

    // From malloc.h.
    private static final int M_TRIM_THRESHOLD = -1;
    private static final int M_TOP_PAD = -2;
    private static final int M_MMAP_THRESHOLD = -3;

    private static final int MEBIBYTE = 1 << 20;
    private static final int STDOUT = 1;

    private static int silent; // how many ask for it
    private static int output; // a copy of standard output while it is closed

    private ForeignCalls() {}

    /// The version of the GNU C library, empty where the C library is another one.
    static Optional<String> glibcVersion() {
        return libc("gnu_get_libc_version", FunctionDescriptor.of(ValueLayout.ADDRESS))
                .map(ForeignCalls::text);
    }

    /// Tells glibc's malloc to keep the large blocks that every operation frees, instead of handing
    /// them back to the kernel and taking page faults for the next operation's result.
    ///
    /// @return whether malloc took all three values
    static boolean raiseMallocThresholds() {
        FunctionDescriptor type =
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);
        Optional<MethodHandle> mallopt = libc("mallopt", type);
        return glibcVersion().isPresent()
                && mallopt.isPresent()
                // Some versions refuse more than half of a thread heap's 64 MiB.
                && (set(mallopt.get(), M_MMAP_THRESHOLD, 1024 * MEBIBYTE)
                        || set(mallopt.get(), M_MMAP_THRESHOLD, 32 * MEBIBYTE))
                && set(mallopt.get(), M_TRIM_THRESHOLD, Integer.MAX_VALUE)
                && set(mallopt.get(), M_TOP_PAD, 64 * MEBIBYTE);
    }

    /// Sets a variable of this process's environment, which libraries that are loaded later read.
    static void setVariable(String name, String value) {
        FunctionDescriptor type =
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT,
                        ValueLayout.ADDRESS,
                        ValueLayout.ADDRESS,
                        ValueLayout.JAVA_INT);
        MethodHandle setenv = libc("setenv", type).orElseThrow();
        try (Arena arena = Arena.ofConfined()) {
            call(setenv, arena.allocateFrom(name), arena.allocateFrom(value), 1);
        }
    }

    /// Runs `work`, of which nothing reaches standard output: that belongs to results, and a
    /// library may not know so. Where the C library lacks a function for it, all does. Several
    /// threads may do so at a time.
    static void withoutOutput(Runnable work) {
        silence(true);
        try {
            work.run();
        } finally {
            silence(false);
        }
    }

    /// The first that asks for silence closes the output, and the last opens it again.
    private static synchronized void silence(boolean begins) {
        FunctionDescriptor one = FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);
        FunctionDescriptor two =
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT);
        FunctionDescriptor path =
                FunctionDescriptor.of(
                        ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT);
        Optional<MethodHandle> dup = libc("dup", one);
        Optional<MethodHandle> dup2 = libc("dup2", two);
        Optional<MethodHandle> close = libc("close", one);
        Optional<MethodHandle> creat = libc("creat", path);
        if (dup.isEmpty() || dup2.isEmpty() || close.isEmpty() || creat.isEmpty()) {
            return;
        }
        silent += begins ? 1 : -1;
        if (begins && silent == 1) {
            output = (int) call(dup.get(), STDOUT);
            try (Arena arena = Arena.ofConfined()) {
                int nowhere = (int) call(creat.get(), arena.allocateFrom("/dev/null"), 0);
                if (output >= 0 && nowhere >= 0) {
                    call(dup2.get(), nowhere, STDOUT);
                }
                call(close.get(), nowhere);
            }
        } else if (!begins && silent == 0 && output >= 0) {
            call(dup2.get(), output, STDOUT);
            call(close.get(), output);
        }
    }

    /// Sets the threads of OpenBLAS for the whole process, once libtorch is loaded. JavaCPP's own
    /// `blas_set_num_threads` searches only the global symbols and silently does nothing, and
    /// libtorch's thread count does not reach OpenBLAS.
    static void setOpenBlasThreads(int threads) {
        loaded("openblas_set_num_threads", FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT))
                .ifPresent(handle -> call(handle, threads));
    }

    /// The threads of OpenBLAS, empty where libtorch uses another library.
    static OptionalInt openBlasThreads() {
        return loaded("openblas_get_num_threads", FunctionDescriptor.of(ValueLayout.JAVA_INT))
                .map(handle -> OptionalInt.of((int) call(handle)))
                .orElseGet(OptionalInt::empty);
    }

    /// The processor that OpenBLAS chose its kernels for, such as `Haswell`; empty where libtorch
    /// uses another library.
    static Optional<String> openBlasCore() {
        return loaded("openblas_get_corename", FunctionDescriptor.of(ValueLayout.ADDRESS))
                .map(ForeignCalls::text);
    }

    private static boolean set(MethodHandle mallopt, int parameter, int value) {
        return (int) call(mallopt, parameter, value) == 1;
    }

    private static Optional<MethodHandle> libc(String name, FunctionDescriptor type) {
        return LINKER.defaultLookup()
                .find(name)
                .map(address -> LINKER.downcallHandle(address, type));
    }

    private static Optional<MethodHandle> loaded(String name, FunctionDescriptor type) {
        return SymbolLookup.loaderLookup()
                .find(name)
                .map(address -> LINKER.downcallHandle(address, type));
    }

    /// The short text that a function answers with.
    private static String text(MethodHandle handle) {
        return ((MemorySegment) call(handle)).reinterpret(64).getString(0);
    }

    private static Object call(MethodHandle handle, Object... arguments) {
        try {
            return handle.invokeWithArguments(arguments);
        } catch (Throwable impossible) {
            // A C function throws nothing, and the handles' types are constants of this class.
            throw new IllegalStateException("call of a C function failed", impossible);
        }
    }
}
