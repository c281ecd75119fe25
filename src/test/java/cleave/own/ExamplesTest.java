package cleave.own;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.run.Provenance;
import cleave.run.RunDirectory;
import cleave.testing.Child;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The programs in `examples/`, each compiled and run as its reader would do it.
class ExamplesTest {
    @TempDir private Path folder;

    /// The model adds up features in three pairs and gives each pair a logit: three parts at either
    /// site, of five that it may use.
    @Test
    void theModelOfOnesOwnIsTakenApartIntoItsParts() throws Exception {
        assertThat(output(Child.command(ExamplesTest.class), "OwnModel"))
                .contains("add uses 3", "answer uses 3", "report: " + folder.resolve("run"));
        requireTwoSessions();
    }

    @ParameterizedTest
    @ValueSource(strings = {"OwnLoss", "OwnImportance"})
    void partsOfOnesOwnAreStoppedResumedCountedAndReported(String name) throws Exception {
        assertThat(output(command(name), name, "6")).contains("Q0 uses ", "O1 uses ", "report: ");
        requireTwoSessions();
        // A second start finds the run at its end.
        assertThat(output(command(name), name, "6")).contains("report: ");
    }

    /// The gates of `OwnLoss` are our kernels, which are slow until they are compiled well.
    private static List<String> command(String name) {
        return name.equals("OwnLoss")
                ? Child.command(ExamplesTest.class)
                : Child.brief(ExamplesTest.class);
    }

    private void requireTwoSessions() {
        Path run = folder.resolve("run");
        assertThat(run.resolve("report.html")).isNotEmptyFile();
        assertThat(Provenance.read(RunDirectory.open(run)).sessions()).hasSize(2);
    }

    private String output(List<String> command, String name, String... arguments) throws Exception {
        command.removeLast();
        command.addAll(List.of("examples/" + name + ".java", folder.resolve("run").toString()));
        command.addAll(List.of(arguments));
        Process child = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(child.waitFor()).as(said).isZero();
        return said;
    }
}
