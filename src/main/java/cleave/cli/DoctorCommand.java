package cleave.cli;

import cleave.command.JsonOutput;
import cleave.config.UserError;
import cleave.engine.Engines;
import cleave.tensor.Device;
import cleave.tensor.Devices;
import cleave.tensor.NativeRuntime;
import cleave.tensor.SelfTest;
import cleave.tensor.Type;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/// `cleave doctor`: what this machine offers, and whether it computes and stores correctly.
@Command(
        name = "doctor",
        description = "Show what this machine offers, and test it for three seconds.")
final class DoctorCommand implements Callable<Integer> {
    private static final double GIBIBYTE = 1 << 30;

    @Mixin private final JsonOutput output = new JsonOutput();

    /// The whole result. `libtorch` and `selfTest` are absent where libtorch could not be started.
    private record Diagnosis(
            boolean ok,
            List<String> problems,
            Java java,
            Machine machine,
            @Nullable Libtorch libtorch,
            @Nullable Measurements selfTest) {}

    private record Java(
            String version,
            String home,
            boolean nativeAccess,
            boolean emptyLibraryPath,
            boolean unlimitedPhysicalBytes,
            boolean vectorModule,
            long maxHeapBytes) {}

    private record Machine(
            String os,
            String architecture,
            @Nullable String glibc,
            @Nullable String cpu,
            boolean avx2,
            boolean avx512,
            int cores,
            @Nullable String ompNumThreads,
            long memoryBytes,
            long freeMemoryBytes,
            long freeDiskBytes) {}

    private record Libtorch(
            String version,
            String kernels,
            @Nullable Integer openBlasThreads,
            boolean mallocThresholdsRaised,
            @Nullable String file,
            List<String> devices,
            String build,
            String parallel) {}

    private record Measurements(
            double matmulGigaflops,
            double bfloat16Gigaflops,
            double gradientError,
            boolean fileRead) {
        /// How many times as fast as in float32 a product is in bfloat16.
        double bfloat16Gain() {
            return bfloat16Gigaflops / matmulGigaflops;
        }
    }

    @Override
    public Integer call() throws IOException {
        List<String> problems = new ArrayList<>();
        Java java = java(problems);
        Machine machine = machine(problems);
        Libtorch libtorch = null;
        Measurements measurements = null;
        try {
            NativeRuntime.start();
            libtorch = libtorch();
            measurements = measure(problems);
        } catch (UserError | UnsatisfiedLinkError unusable) {
            problems.add("libtorch was not started: " + unusable.getMessage());
        }
        Diagnosis diagnosis =
                new Diagnosis(problems.isEmpty(), problems, java, machine, libtorch, measurements);
        print(diagnosis);
        return diagnosis.ok ? 0 : 1;
    }

    private static Java java(List<String> problems) {
        List<String> flags = ManagementFactory.getRuntimeMXBean().getInputArguments();
        Java java =
                new Java(
                        Runtime.version().toString(),
                        System.getProperty("java.home"),
                        flags.stream().anyMatch(f -> f.startsWith("--enable-native-access=")),
                        System.getProperty("java.library.path", "").isEmpty(),
                        "0".equals(System.getProperty("org.bytedeco.javacpp.maxPhysicalBytes")),
                        ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent(),
                        Runtime.getRuntime().maxMemory());
        if (!java.nativeAccess) {
            problems.add("the JVM flag --enable-native-access=ALL-UNNAMED is missing");
        }
        if (!java.emptyLibraryPath) {
            problems.add("the JVM flag -Djava.library.path= (empty) is missing");
        }
        if (!java.vectorModule) {
            problems.add(
                    "the JVM flag --add-modules jdk.incubator.vector is missing; gates run slower without it");
        }
        if (!java.unlimitedPhysicalBytes) {
            problems.add("the JVM flag -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 is missing");
        }
        return java;
    }

    private static Machine machine(List<String> problems) throws IOException {
        OperatingSystemMXBean system =
                ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        List<String> cpuFlags = Arrays.asList(cpuInfo("flags").orElse("").split(" "));
        Machine machine =
                new Machine(
                        System.getProperty("os.name") + " " + System.getProperty("os.version"),
                        System.getProperty("os.arch"),
                        NativeRuntime.glibcVersion().orElse(null),
                        cpuInfo("model name").orElse(null),
                        cpuFlags.contains("avx2"),
                        cpuFlags.contains("avx512f"),
                        Runtime.getRuntime().availableProcessors(),
                        System.getenv("OMP_NUM_THREADS"),
                        system.getTotalMemorySize(),
                        availableMemory().orElse(system.getFreeMemorySize()),
                        // A file store would have to be found among the mounts, of which a changed
                        // root
                        // knows none.
                        Path.of("").toAbsolutePath().toFile().getUsableSpace());
        if (machine.os.startsWith("Linux") && machine.architecture.equals("aarch64")) {
            problems.add(
                    "libtorch has no build for Linux on arm64: use Linux on x86-64, or macOS on arm64");
        }
        if (machine.ompNumThreads == null) {
            problems.add("OMP_NUM_THREADS is not set; bin/cleave sets it to 1");
        }
        return machine;
    }

    /// What programs can still have: with what the system keeps of files and gives up when asked,
    /// which is most of what is not in use. Empty where the system does not say.
    private static OptionalLong availableMemory() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/meminfo"))) {
            return lines.filter(line -> line.startsWith("MemAvailable:"))
                    .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
                    .findFirst();
        } catch (IOException | UncheckedIOException unreadable) {
            return OptionalLong.empty();
        }
    }

    private static Libtorch libtorch() {
        return new Libtorch(
                NativeRuntime.libtorchVersion(),
                Engines.kernels(Engines.of(Type.FLOAT, Device.CPU)),
                NativeRuntime.openBlasThreads().isPresent()
                        ? NativeRuntime.openBlasThreads().getAsInt()
                        : null,
                NativeRuntime.mallocThresholdsRaised(),
                Devices.library().orElse(null),
                Devices.all().stream().map(Device::toString).toList(),
                NativeRuntime.libtorchBuild(),
                NativeRuntime.parallelInfo());
    }

    private static Measurements measure(List<String> problems) throws IOException {
        Measurements measured =
                new Measurements(
                        SelfTest.matmulGigaflops(Type.FLOAT, 2),
                        SelfTest.matmulGigaflops(Type.BFLOAT16, 0.5),
                        SelfTest.gradientError(),
                        survivesDisk());
        if (measured.gradientError != 0) {
            problems.add(
                    "a gradient must equal the one worked out by hand, differs by "
                            + measured.gradientError);
        }
        if (!measured.fileRead) {
            problems.add("a temporary file must hold what was written to it, holds other bytes");
        }
        return measured;
    }

    private static boolean survivesDisk() throws IOException {
        byte[] written = new byte[1 << 20];
        for (int i = 0; i < written.length; i++) {
            written[i] = (byte) (i * 31);
        }
        Path file = Files.createTempFile("cleave-doctor", ".bin");
        try {
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                ByteBuffer bytes = ByteBuffer.wrap(written);
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
                channel.force(true);
            }
            return Arrays.equals(written, Files.readAllBytes(file));
        } finally {
            Files.delete(file);
        }
    }

    /// The value of a key in the description of the first processor; only Linux has that file.
    private static Optional<String> cpuInfo(String key) throws IOException {
        Path file = Path.of("/proc/cpuinfo");
        if (!Files.isReadable(file)) {
            return Optional.empty();
        }
        try (Stream<String> lines = Files.lines(file)) {
            return lines.filter(line -> line.startsWith(key))
                    .findFirst()
                    .map(line -> line.substring(line.indexOf(':') + 1).strip());
        }
    }

    private void print(Diagnosis diagnosis) {
        if (output.enabled()) {
            output.print(diagnosis);
            return;
        }
        output.keepValues(diagnosis);
        PrintWriter out = output.text();
        Java java = diagnosis.java;
        out.printf("Java       %s (%s)%n", java.version, java.home);
        out.printf(
                "JVM flags  native access: %s, empty library path: %s, maxPhysicalBytes=0: %s, vector module: %s%n",
                yes(java.nativeAccess),
                yes(java.emptyLibraryPath),
                yes(java.unlimitedPhysicalBytes),
                yes(java.vectorModule));
        Machine machine = diagnosis.machine;
        out.printf(
                "system     %s, %s, glibc %s%n",
                machine.os, machine.architecture, orNone(machine.glibc));
        out.printf(
                "CPU        %s, %d cores, AVX2: %s, AVX-512: %s, OMP_NUM_THREADS=%s%n",
                machine.cpu == null ? "unknown model" : machine.cpu,
                machine.cores,
                yes(machine.avx2),
                yes(machine.avx512),
                machine.ompNumThreads == null ? "" : machine.ompNumThreads);
        out.printf(
                "memory     %.1f GiB, %.1f free; heap at most %.1f GiB; disk %.1f GiB free%n",
                machine.memoryBytes / GIBIBYTE,
                machine.freeMemoryBytes / GIBIBYTE,
                java.maxHeapBytes / GIBIBYTE,
                machine.freeDiskBytes / GIBIBYTE);
        if (diagnosis.libtorch != null) {
            Libtorch libtorch = diagnosis.libtorch;
            out.printf(
                    "libtorch   %s, kernels: %s, OpenBLAS threads %s, malloc thresholds raised:"
                            + " %s%n",
                    libtorch.version,
                    libtorch.kernels,
                    libtorch.openBlasThreads == null ? "none" : libtorch.openBlasThreads,
                    yes(libtorch.mallocThresholdsRaised));
            out.printf(
                    "           file %s; devices: %s%n",
                    orNone(libtorch.file), String.join(", ", libtorch.devices));
            // The build settings are a line of 2,000 characters, kept for --json.
            Stream.concat(libtorch.build.lines(), libtorch.parallel.lines())
                    .filter(line -> !line.isBlank() && !line.contains("Build settings"))
                    .forEach(line -> out.println("           " + line));
        }
        if (diagnosis.selfTest != null) {
            Measurements measured = diagnosis.selfTest;
            out.printf(
                    "self-test  matmul 1024^3 on one thread: %.0f GFLOP/s; gradient error: %s; file"
                            + " read back: %s%n",
                    measured.matmulGigaflops, measured.gradientError, yes(measured.fileRead));
            out.printf(
                    "           the same in bfloat16: %.0f GFLOP/s, so that machine.precision:"
                            + " bfloat16 %s here%n",
                    measured.bfloat16Gigaflops,
                    measured.bfloat16Gain() > 1.2 ? "can gain" : "gains nothing");
        }
        diagnosis.problems.forEach(problem -> out.println("problem: " + problem));
        if (diagnosis.ok) {
            out.println("ok");
        }
        out.flush();
    }

    private static String yes(boolean value) {
        return value ? "yes" : "no";
    }

    private static String orNone(@Nullable String value) {
        return value == null ? "none" : value;
    }
}
