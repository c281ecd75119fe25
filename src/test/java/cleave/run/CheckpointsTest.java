package cleave.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import cleave.config.UserError;
import cleave.hub.Sha256;
import cleave.run.Checkpoints.Checkpoint;
import cleave.tensor.ElementType;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.testing.Child;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointsTest {
    @TempDir private Path temporary;
    private RunDirectory run;
    private Checkpoints checkpoints;
    private Path folder;
    private long handles;
    private final List<String> said = new ArrayList<>();

    @BeforeEach
    void create() throws IOException {
        handles = Pointer.totalCount();
        run = RunDirectory.create(temporary.resolve("run"), "steps: 3\n");
        checkpoints = run.checkpoints();
        folder = run.path().resolve("checkpoints");
    }

    @AfterEach
    void close() throws IOException {
        run.close();
        assertThat(Pointer.totalCount()).isEqualTo(handles);
    }

    @Test
    void aNewRunHasNone() {
        assertThat(checkpoints.latest(said::add)).isEmpty();
    }

    @Test
    void theNewestOfTheLastTwoIsFound() throws IOException {
        save(9);
        save(10);
        save(100);
        assertThat(names(folder)).containsExactly("10", "100");
        assertThat(latest()).isEqualTo(100);
        assertThat(said).isEmpty();
        assertThat(names(folder.resolve("100")))
                .containsExactly(
                        "checksums.json", "decomposition.safetensors", "training.safetensors");
    }

    @Test
    void checksumsAreThoseOfTheFiles() throws IOException {
        save(1);
        // sha256sum of "abc", FIPS 180-2 appendix B.1, stands for the digest function itself.
        Path abc = Files.writeString(temporary.resolve("abc"), "abc");
        assertThat(Sha256.of(abc))
                .isEqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assertThat(folder.resolve("1/checksums.json"))
                .hasContent(
                        "{\"decomposition.safetensors\":\"%s\",\"training.safetensors\":\"%s\"}\n"
                                .formatted(
                                        Sha256.of(folder.resolve("1/decomposition.safetensors")),
                                        Sha256.of(folder.resolve("1/training.safetensors"))));
    }

    @Test
    void aFlippedBitIsSaidAndTheOneBeforeIsUsed() throws IOException {
        save(1);
        save(2);
        Path damaged = folder.resolve("2/training.safetensors");
        String expected = Sha256.of(damaged);
        flipLastBit(damaged);
        assertThat(latest()).isEqualTo(1);
        assertThat(said)
                .containsExactly(
                        "checkpoint 2 is damaged, trying the one before:"
                                + " %s must have sha-256 %s, got %s"
                                        .formatted(damaged, expected, Sha256.of(damaged)));
    }

    @Test
    void aMissingFileAndAMissingChecksumAreDamage() throws IOException {
        save(1);
        save(2);
        Files.delete(folder.resolve("2/decomposition.safetensors"));
        assertThat(latest()).isEqualTo(1);
        Files.writeString(folder.resolve("2/checksums.json"), "{}");
        assertThat(latest()).isEqualTo(1);
        Files.delete(folder.resolve("2/checksums.json"));
        assertThat(latest()).isEqualTo(1);
        assertThat(said).hasSize(3).allMatch(line -> line.startsWith("checkpoint 2 is damaged"));
    }

    @Test
    void whenAllAreDamagedAllAreListed() throws IOException {
        save(1);
        save(2);
        flipLastBit(folder.resolve("1/decomposition.safetensors"));
        flipLastBit(folder.resolve("2/training.safetensors"));
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> checkpoints.latest(said::add))
                .withMessageStartingWith(
                        "run must have an undamaged checkpoint, got 2 damaged (%s)\n", folder)
                .withMessageContaining("2/training.safetensors must have")
                .withMessageContaining("1/decomposition.safetensors must have");
    }

    @Test
    void aRunThatWentBackBehindADamagedCheckpointDropsIt() throws IOException {
        save(1);
        save(3);
        flipLastBit(folder.resolve("3/training.safetensors"));
        save(2);
        assertThat(names(folder)).containsExactly("1", "2");
        assertThat(latest()).isEqualTo(2);
    }

    @Test
    void savingAStepAgainReplacesIt() throws IOException {
        save(1);
        flipLastBit(folder.resolve("1/training.safetensors"));
        save(1);
        assertThat(names(folder)).containsExactly("1");
        assertThat(latest()).isEqualTo(1);
    }

    @Test
    void whatAKilledSaveLeftIsIgnoredAndThenCleared() throws IOException {
        save(1);
        Path partial = Files.createDirectory(folder.resolve(".2.partial"));
        Files.copy(
                folder.resolve("1/decomposition.safetensors"),
                partial.resolve("decomposition.safetensors"));
        Files.writeString(partial.resolve(".training.safetensors.tmp"), "half");
        assertThat(latest()).isEqualTo(1);
        save(3);
        assertThat(names(folder)).containsExactly("1", "3");
    }

    @Test
    void aFailedSaveLeavesTheEarlierOnesAndNothingElse() throws IOException {
        save(1);
        try (Scopes.Scope _ = Scopes.open()) {
            Tensor unsupported = Tensor.create((short) 1);
            assertThatIllegalArgumentException()
                    .isThrownBy(() ->
                            checkpoints.save(
                                    2, new TreeMap<>(), new TreeMap<>(Map.of("x", unsupported))));
        }
        assertThat(names(folder)).containsExactly("1");
        assertThat(latest()).isEqualTo(1);
    }

    @Test
    void aFullDiskLeavesTheEarlierCheckpointAndNamesTheFileAndTheBytes() throws Exception {
        save(1);
        run.close();
        // A limit of 64 KiB on any one file, which a save of 400 KB meets as a full disk.
        Process child =
                limited("ulimit -f 64 2>/dev/null; exec \"$@\"", SaveInChild.command(run.path()));
        assertThat(outputOf(child))
                .matches(
                        "(?s).*\\.2\\.partial/training\\.safetensors could not be written: .+"
                                + " \\(400072 bytes needed, \\d+ usable\\)\\s*");
        assertThat(names(folder)).containsExactly("1");
        assertThat(latest()).isEqualTo(1);
    }

    @Test
    void aFullFileSystemDoesTheSameWhereOneCanBeMounted() throws Exception {
        Path small = Files.createDirectory(temporary.resolve("small"));
        String mount =
                """
                mount -t tmpfs -o size=256k tmpfs "$0" 2>/dev/null || { echo cannot mount; exit; }
                exec "$@"
                """;
        List<String> command = new ArrayList<>(List.of("unshare", "-rm"));
        command.addAll(List.of("sh", "-c", mount, small.toString()));
        command.addAll(SaveInChild.command(small.resolve("run")));
        String output;
        try {
            output = outputOf(new ProcessBuilder(command).redirectErrorStream(true).start());
        } catch (IOException noUnshare) {
            output = "cannot mount";
        }
        // Inside the namespace the child itself checks what is left and prints the latest step.
        assertThat(output)
                .matches(
                        "(?s).*(cannot mount|unshare: ).*"
                                + "|(?s).*training\\.safetensors could not be written:"
                                + " No space left on device \\(400072 bytes needed, \\d+ usable\\)"
                                + "\\s+latest 1\\s*");
    }

    @Test
    void aReaderMayNotSave() throws IOException {
        run.close();
        assertThatIllegalStateException().isThrownBy(() -> save(1));
        assertThatIllegalStateException()
                .isThrownBy(() ->
                        RunDirectory.open(run.path())
                                .checkpoints()
                                .save(1, new TreeMap<>(), new TreeMap<>()));
    }

    @Test
    void aNegativeStepIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> save(-1))
                .withMessage("checkpoint step must be >= 0, got -1 (%s)", run.path());
    }

    private void save(long step) throws IOException {
        save(checkpoints, step, 2);
    }

    private static void save(Checkpoints checkpoints, long step, int numbers) throws IOException {
        try (Scopes.Scope _ = Scopes.open()) {
            checkpoints.save(
                    step,
                    new TreeMap<>(Map.of("Q0.U", Tensor.create((float) step))),
                    new TreeMap<>(Map.of("m", Tensor.create(new float[numbers]))));
        }
    }

    /// The step of the latest checkpoint, checked to hold what was saved.
    private long latest() {
        Checkpoint latest = checkpoints.latest(said::add).orElseThrow();
        try (TensorMap decomposition = Safetensors.read(latest.decomposition())) {
            assertThat(decomposition.get("Q0.U", ElementType.F32, 1).item_float())
                    .isEqualTo((float) latest.step());
        }
        assertThat(Safetensors.header(latest.training().orElseThrow()).tensors()).containsKey("m");
        return latest.step();
    }

    private static void flipLastBit(Path file) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 1] ^= 1;
        Files.write(file, bytes);
    }

    private static List<String> names(Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.map(entry -> entry.getFileName().toString()).sorted().toList();
        }
    }

    private static Process limited(String script, List<String> command) throws IOException {
        List<String> shell = new ArrayList<>(List.of("bash", "-c", script, "bash"));
        shell.addAll(command);
        return new ProcessBuilder(shell).redirectErrorStream(true).start();
    }

    private static String outputOf(Process process) throws IOException {
        return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    /// A process that saves step 2 with 100,000 numbers into the run it is given, which it creates
    /// with a small step 1 when there is none, and prints the failure and then the latest step.
    static final class SaveInChild {
        private SaveInChild() {}

        static List<String> command(Path path) {
            return Child.brief(SaveInChild.class, path.toString());
        }

        public static void main(String[] arguments) throws IOException {
            Path path = Path.of(arguments[0]);
            boolean exists = Files.exists(path);
            try (RunDirectory run =
                    exists ? RunDirectory.resume(path) : RunDirectory.create(path, "")) {
                if (!exists) {
                    save(run.checkpoints(), 1, 2);
                }
                try {
                    save(run.checkpoints(), 2, 100_000);
                } catch (IOException failure) {
                    System.out.println(failure.getMessage());
                }
                if (!exists) {
                    System.out.println(
                            "latest " + run.checkpoints().latest(_ -> {}).orElseThrow().step());
                }
            }
        }
    }
}
