package cleave.run;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.run.Checkpoints.Checkpoint;
import cleave.tensor.ElementType;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Holds `docs/reference/run-folder.md` to what a run is.
class ReadingARunTest {
    private static final String PLACE = "runs/demo/checkpoints/STEP/decomposition.safetensors";

    @TempDir private Path temporary;
    private String page = "";
    private Path decomposition = Path.of("");

    @BeforeEach
    void saveARun() throws IOException {
        page = Files.readString(Path.of("docs/reference/run-folder.md"));
        try (RunDirectory run = RunDirectory.create(temporary, "steps: 1\n");
                Scopes.Scope _ = Scopes.open()) {
            TreeMap<String, Tensor> tensors = new TreeMap<>();
            tensors.put("Q0.U", Tensor.create(new float[] {1, -2, 0.5f, 4, 5, 6}, 2, 3));
            tensors.put("Q0.V", Tensor.create(new float[] {0.25f, 8}, 1, 2));
            tensors.put("Q0.gate.steps", Tensor.create(3L));
            run.checkpoints().save(1, tensors, new TreeMap<>());
            Checkpoint latest = run.checkpoints().latest(_ -> {}).orElseThrow();
            decomposition = latest.decomposition();
        }
    }

    @Test
    void theProgramKnowsTheTypesAndNamesOfTheFile() {
        checkAgainstOurReader();
    }

    /// What the program relies on, checked with our own reader: Python need not be there.
    private void checkAgainstOurReader() {
        assertThat(program()).contains(PLACE, "\"<Q\"", "\"data_offsets\"", "\"shape\"");
        for (ElementType type : ElementType.values()) {
            if (type != ElementType.BF16) {
                assertThat(program()).contains("\"" + type + "\": \"");
            }
        }
        try (TensorMap tensors = Safetensors.read(decomposition)) {
            assertThat(tensors.names()).containsExactly("Q0.U", "Q0.V", "Q0.gate.steps");
            assertThat(tensors.get("Q0.U", ElementType.F32, 2, 3).numel()).isEqualTo(6);
            assertThat(tensors.get("Q0.V", ElementType.F32, 1, 2).numel()).isEqualTo(2);
        }
    }

    @Test
    void theProgramPrintsUAndV() throws Exception {
        String program = program().replace(PLACE, decomposition.toString());
        assertThat(program).isNotEqualTo(program());
        Process python;
        try {
            python = new ProcessBuilder("python3", "-c", program).redirectErrorStream(true).start();
        } catch (IOException notInstalled) {
            checkAgainstOurReader();
            return;
        }
        assertThat(new String(python.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .isEqualToNormalizingNewlines(
                        """
                        Q0.U [2, 3] [1.0, -2.0, 0.5, 4.0, 5.0, 6.0]
                        Q0.V [1, 2] [0.25, 8.0]
                        """);
    }

    @Test
    void everyFileOfARunIsOnThePage() throws IOException {
        try (RunDirectory run = RunDirectory.resume(temporary);
                var entries = Files.walk(temporary)) {
            assertThat(entries.filter(Files::isRegularFile))
                    .hasSize(6)
                    .allSatisfy(file -> assertThat(page).contains("`" + file.getFileName() + "`"));
            for (Path file :
                    new Path[] {
                        run.provenanceFile(), run.metricsFile(), run.logFile(), run.reportFile()
                    }) {
                assertThat(page).contains("`" + file.getFileName() + "`");
            }
        }
    }

    private String program() {
        Matcher block = Pattern.compile("(?s)```python\n(.*?)```").matcher(page);
        assertThat(block.find()).isTrue();
        return block.group(1);
    }
}
