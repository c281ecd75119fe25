package cleave.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import cleave.config.UserError;
import cleave.hub.Model;
import cleave.testing.TinyRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoadedRunTest {
    @TempDir private Path temporary;
    private TinyRun tiny;
    private Path run;

    @BeforeEach
    void decompose() throws IOException {
        tiny = TinyRun.in(temporary);
        run = tiny.run("run");
        assertThat(tiny.decompose(run, "--set=steps=2", "--set=cadence.checkpoint=1").exitCode())
                .isZero();
    }

    @Test
    void holdsTheConfigurationTheTargetAndTheLastDecomposition() {
        try (LoadedRun loaded = LoadedRun.open(run)) {
            assertThat(loaded.file().steps()).isEqualTo(2);
            assertThat(loaded.model().weights()).isEqualTo(run.resolve("target/model.safetensors"));
            assertThat(loaded.checkpoint().step()).isEqualTo(2);
            assertThat(loaded.decomposition().tensors().keySet())
                    .contains("Q0.U", "Q0.V", "V1.U", "V1.V");
            assertThat(loaded.task().stream()).isEqualTo("evaluation");
        }
    }

    @Test
    void anotherTargetThanThatOfTheProvenanceIsRefused() throws IOException {
        tiny.writeModel(1);
        Files.copy(
                tiny.model().resolve(Model.WEIGHTS),
                run.resolve("target").resolve(Model.WEIGHTS),
                StandardCopyOption.REPLACE_EXISTING);
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> LoadedRun.open(run))
                .withMessageStartingWith("target weights must be those the run was made on");
    }

    @Test
    void aConfigurationThatDoesNotFitTheDecompositionIsRefusedWithEveryDifference()
            throws IOException {
        Path config = run.resolve("config.yaml");
        String text = Files.readString(config);
        Files.writeString(
                config,
                text.replace("pattern: V1", "pattern: K1").replace("hidden: 32", "hidden: 31"));
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> LoadedRun.open(run))
                .withMessageContaining("  K1.U: [4, 8] here, absent there\n")
                .withMessageContaining("  V1.V: absent here, [8, 4] there\n")
                .withMessageContaining("  Q0.gate.output: [4, 31] here, [4, 32] there\n");
    }

    @Test
    void aRunWithoutAnyCheckpointIsRefused() throws IOException {
        Files.move(run.resolve("checkpoints"), temporary.resolve("elsewhere"));
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> LoadedRun.open(run))
                .withMessageStartingWith("run must have a checkpoint, got none");
    }
}
