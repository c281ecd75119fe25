package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import cleave.tensor.NativeRuntime;
import cleave.testing.Child;
import cleave.testing.TinyRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Portable arithmetic gives the same bytes whatever the libraries would choose for themselves.
class PortableArithmeticTest {
    @TempDir private static Path shared;
    private static Path first;

    @TempDir private Path temporary;

    @BeforeAll
    static void runWithVectorsOf256Bits() throws Exception {
        first = run(shared.resolve("first"), 2, Map.of(), "machine.workers=1");
    }

    @ParameterizedTest
    @MethodSource
    void theSameBytesWhateverLibrariesWouldChoose(
            int vectors, Map<String, String> variables, String setting) throws Exception {
        Path run = run(temporary.resolve("run"), vectors, variables, setting);

        assertThat(kernels(run))
                .as("what each library really used")
                .isEqualTo(kernels(first))
                .startsWith("portable: libtorch AVX2, OpenBLAS Haswell, engine fused")
                .endsWith("256 bits");
        for (String file : List.of("decomposition.safetensors", "training.safetensors")) {
            assertThat(run.resolve("checkpoints/3").resolve(file))
                    .hasSameBinaryContentAs(first.resolve("checkpoints/3").resolve(file));
        }
    }

    static Stream<Arguments> theSameBytesWhateverLibrariesWouldChoose() {
        return Stream.of(
                Arguments.of(3, Map.of("OPENBLAS_CORETYPE", "SkylakeX"), "machine.workers=2"),
                Arguments.of(
                        2,
                        Map.of(
                                "OPENBLAS_CORETYPE",
                                "Zen",
                                "ATEN_CPU_CAPABILITY",
                                "default",
                                "ONEDNN_MAX_CPU_ISA",
                                "SSE41"),
                        "machine.workers=1"));
    }

    @Test
    void otherVectorsGiveOtherBytesWithoutIt() throws Exception {
        assumeThat(NativeRuntime.kernels())
                .as("only a processor with AVX-512 has a choice")
                .contains("AVX512");
        Path fast =
                run(
                        temporary.resolve("run"),
                        3,
                        Map.of(),
                        "machine.workers=1",
                        "machine.arithmetic=fast");

        assertThat(fast.resolve("checkpoints/3/decomposition.safetensors").toFile()).exists();
        assertThat(
                        Files.mismatch(
                                fast.resolve("checkpoints/3/decomposition.safetensors"),
                                first.resolve("checkpoints/3/decomposition.safetensors")))
                .isNotNegative();
    }

    @Test
    void bfloat16IsRefused() {
        assertThat(
                        TinyRun.cleave(
                                        "decompose",
                                        "configs/induction-quick.yaml",
                                        "--run",
                                        temporary.resolve("run").toString(),
                                        "--set",
                                        "machine.precision=bfloat16",
                                        "--set",
                                        "machine.arithmetic=portable")
                                .exitCode())
                .isEqualTo(2);
        assertThat(temporary.resolve("run")).doesNotExist();
    }

    private static Path run(
            Path run, int vectors, Map<String, String> variables, String... settings)
            throws Exception {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "decompose",
                                "configs/induction-quick.yaml",
                                "--run",
                                run.toString(),
                                "--set",
                                "steps=3",
                                "--set",
                                "streams[0].batch=10",
                                "--set",
                                "machine.slice=8", // two slices, for two workers
                                "--set",
                                "machine.arithmetic=portable"));
        for (String setting : settings) {
            arguments.addAll(List.of("--set", setting));
        }
        Ended ended =
                start(
                        run.resolveSibling("logs"),
                        vectors,
                        variables,
                        arguments.toArray(String[]::new));
        assertThat(ended.exit()).as(ended.output()).isZero();
        return run;
    }

    /// How a process ended.
    private record Ended(int exit, String output) {}

    private static Ended start(
            Path logs, int vectors, Map<String, String> variables, String... arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(Child.command(Main.class, arguments));
        command.add(1, "-XX:UseAVX=" + vectors);
        Path output = Files.createDirectories(logs).resolve("output");
        ProcessBuilder builder =
                new ProcessBuilder(command)
                        .redirectError(logs.resolve("error").toFile())
                        .redirectOutput(output.toFile());
        variables.forEach(builder.environment()::put);
        Process process = builder.start();
        assertThat(process.waitFor(3, TimeUnit.MINUTES)).isTrue();
        return new Ended(
                process.exitValue(),
                Files.readString(output) + Files.readString(logs.resolve("error")));
    }

    private static String kernels(Path run) throws IOException {
        return Files.readAllLines(run.resolve("provenance.json")).stream()
                .filter(line -> line.contains("\"kernels\""))
                .map(line -> line.replaceAll(".*\"kernels\" : \"|\",?\\s*$", ""))
                .findFirst()
                .orElseThrow();
    }
}
