package cleave.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import cleave.config.UserError;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RunDirectoryTest {
    @TempDir private Path temporary;

    @Test
    void aNewRunCarriesItsFormatVersionAndConfiguration() throws IOException {
        Path path = temporary.resolve("runs/demo");
        try (RunDirectory run = RunDirectory.create(path, "steps: 1\n")) {
            assertThat(run.path()).isEqualTo(path);
        }
        assertThat(path.resolve("run.json"))
                .hasContent("{\"format\":\"cleave-run\",\"version\":2}\n");
        assertThat(RunDirectory.open(path).configFile()).hasContent("steps: 1\n");
    }

    @Test
    void anEmptyFolderWillDo() throws IOException {
        try (RunDirectory run = RunDirectory.create(temporary, "steps: 1\n")) {
            assertThat(run.configFile()).exists();
        }
    }

    @Test
    void anExistingRunIsRefusedAndKept() throws IOException {
        RunDirectory.create(temporary, "steps: 1\n").close();
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> RunDirectory.create(temporary, "steps: 2\n"))
                .withMessage(
                        "run directory must be new or empty, got an existing run (%s)\n"
                                        .formatted(temporary)
                                + "hint: --resume continues it");
        assertThat(temporary.resolve("config.yaml")).hasContent("steps: 1\n");
    }

    @Test
    void aFolderOfOtherThingsIsRefusedAndLeftAlone() throws IOException {
        Files.writeString(temporary.resolve("config.yaml"), "mine");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> RunDirectory.create(temporary, "steps: 2\n"))
                .withMessage(
                        "run directory must be new or empty, got a folder of 1 entries (%s)"
                                .formatted(temporary));
        assertThat(temporary.resolve("config.yaml")).hasContent("mine");
        assertThat(temporary).isDirectoryNotContaining("glob:**lock");
    }

    @Test
    void aForeignMarkerIsLeftAlone() throws IOException {
        Files.writeString(temporary.resolve("run.json"), "{\"mine\":true}");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> RunDirectory.create(temporary, "steps: 2\n"));
        assertThat(temporary.resolve("run.json")).hasContent("{\"mine\":true}");
    }

    @Test
    void aCreationThatWasKilledHalfWayCanBeRepeatedButNotResumed() throws IOException {
        Files.writeString(temporary.resolve("lock"), "1 somewhere\n");
        Files.writeString(
                temporary.resolve("run.json"), "{\"format\":\"cleave-run\",\"version\":1}");
        Files.writeString(temporary.resolve(".config.yaml.tmp"), "ste");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> RunDirectory.resume(temporary))
                .withMessageContaining("must hold config.yaml, got a run that was never begun");
        try (RunDirectory run = RunDirectory.create(temporary, "steps: 2\n")) {
            assertThat(run.configFile()).hasContent("steps: 2\n");
        }
    }

    @Test
    void aFileInPlaceOfTheFolderIsRefused() throws IOException {
        Path file = Files.writeString(temporary.resolve("file"), "");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> RunDirectory.create(file, ""))
                .withMessage("run directory must be new or empty, got a file (%s)", file);
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> RunDirectory.open(file))
                .withMessage("run directory must be a folder, got a file (%s)", file);
    }

    @Test
    void aMissingRunIsNamedAsGivenAndInFullWithWhatMakesIt() {
        Path missing = Path.of("no-such-run");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> RunDirectory.open(missing))
                .withMessage(
                        "run directory must exist, got no-such-run (%s)\n"
                                        .formatted(missing.toAbsolutePath())
                                + "hint: cleave decompose CONFIG --run no-such-run makes one");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "[]", "{}", "{\"format\":\"other\",\"version\":1}"})
    void aFolderThatIsNotOursIsRefused(String marker) throws IOException {
        if (!marker.isEmpty()) {
            Files.writeString(temporary.resolve("run.json"), marker);
        }
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> RunDirectory.open(temporary))
                .withMessage(
                        "run directory must hold a run.json of format cleave-run,"
                                + " got a folder that no run made (%s)",
                        temporary);
    }

    @Test
    void aNewerFormatIsRefusedWithBothVersions() throws IOException {
        Path marker = temporary.resolve("run.json");
        Files.writeString(marker, "{\"format\":\"cleave-run\",\"version\":4}");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> RunDirectory.open(temporary))
                .withMessage(
                        "run directory's format version must be at most 3, got 4 (%s)\n"
                                        .formatted(marker)
                                + "hint: a newer cleave wrote this run; update cleave to read it");
        Files.writeString(marker, "{\"format\":\"cleave-run\",\"version\":\"1\"}");
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> RunDirectory.resume(temporary))
                .withMessageStartingWith(
                        "run directory's format version must be a number from 1, got \"1\"");
    }

    @Test
    void writingNeedsTheLock() throws IOException {
        RunDirectory run = RunDirectory.create(temporary, "");
        run.close();
        assertThatIllegalStateException().isThrownBy(run::checkWritable);
        assertThatIllegalStateException()
                .isThrownBy(() -> RunDirectory.open(temporary).checkWritable());
    }

    @Test
    void aSecondWriterInThisProcessIsRefusedAndDoesNotDisturbTheFirst() throws Exception {
        try (RunDirectory run = RunDirectory.create(temporary, "")) {
            String own = "process " + ProcessHandle.current().pid() + " writes to it";
            assertThatExceptionOfType(UserError.class)
                    .isThrownBy(() -> RunDirectory.resume(temporary))
                    .withMessageContaining(own);
            run.checkWritable();
            assertThat(RunDirectory.open(temporary).configFile()).exists(); // readers may
            assertThat(lineOf(LockHolder.start(temporary)))
                    .startsWith("refused: run directory must have one writer")
                    .contains("process " + ProcessHandle.current().pid() + " on ");
        }
        RunDirectory.resume(temporary).close();
    }

    @Test
    void aSecondWriterIsRefusedWithTheProcessNumberOfTheFirstUntilThatDies() throws Exception {
        RunDirectory.create(temporary, "").close();
        Process holder = LockHolder.start(temporary);
        try {
            assertThat(lineOf(holder)).isEqualTo("holds");
            assertThatExceptionOfType(UserError.class)
                    .isThrownBy(() -> RunDirectory.resume(temporary))
                    .withMessageMatching(
                            "run directory must have one writer, got a second while process "
                                    + holder.pid()
                                    + " on \\S+ writes to it \\(.*\\)");
        } finally {
            holder.destroyForcibly().waitFor();
        }
        assertThat(temporary.resolve("lock")).content().startsWith(holder.pid() + " ");
        RunDirectory.resume(temporary).close();
    }

    private static String lineOf(Process process) throws IOException {
        try (BufferedReader reader = process.inputReader()) {
            return String.valueOf(reader.readLine());
        }
    }
}
