package cleave.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import cleave.config.UserError;
import cleave.run.Provenance.Machine;
import cleave.run.Provenance.Program;
import cleave.run.Provenance.Session;
import cleave.run.Provenance.Subject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProvenanceTest {
    private static final Machine MACHINE =
            new Machine("jdk", "2.10.0", "os", "arch", null, null, 2);
    private static final Session FIRST =
            new Session(
                    new Program("0.1.0", "c0ffee", true),
                    List.of("decompose", "a.yaml"),
                    MACHINE,
                    Instant.parse("2026-01-02T03:04:05Z"),
                    null);

    @TempDir private Path temporary;

    @Test
    void isWrittenWithSnakeCaseNamesAndWithoutWhatIsUnknown() throws IOException {
        try (RunDirectory run = RunDirectory.create(temporary, "")) {
            Provenance.start(new Subject(7, "target.safetensors", "ab12"), FIRST).write(run);
            assertThat(run.provenanceFile())
                    .content()
                    .isEqualToIgnoringWhitespace(
                            """
                            {"subject": {
                               "seed": 7,
                               "target_file": "target.safetensors",
                               "target_sha256": "ab12"},
                             "sessions": [{
                               "program": {
                                 "version": "0.1.0", "git_commit": "c0ffee", "git_dirty": true},
                               "command_line": ["decompose", "a.yaml"],
                               "machine": {
                                 "jdk": "jdk", "libtorch": "2.10.0", "os": "os", "arch": "arch",
                                 "threads": 2},
                               "started": "2026-01-02T03:04:05Z"}]}
                            """);
        }
    }

    @Test
    void aResumeAddsASessionAndTheEndBelongsToTheLast() throws IOException {
        Instant end = Instant.parse("2026-01-02T04:00:00.250Z");
        Provenance whole =
                Provenance.start(new Subject(7, "t", "ab"), FIRST).resumed(FIRST).ended(end);
        try (RunDirectory run = RunDirectory.create(temporary, "")) {
            whole.write(run);
            assertThat(Provenance.read(run)).isEqualTo(whole);
        }
        assertThat(whole.sessions()).extracting(Session::ended).containsExactly(null, end);
    }

    @Test
    void theSubjectNamesTheTargetWithoutItsFolder() throws IOException {
        Path target = Files.writeString(temporary.resolve("abc.safetensors"), "abc");
        assertThat(Subject.of(1, target))
                .isEqualTo(
                        new Subject(
                                1,
                                "abc.safetensors",
                                "ba7816bf8f01cfea414140de5dae2223"
                                        + "b00361a396177a9cb410ff61f20015ad"));
    }

    @Test
    void thisMachineIsDescribed() {
        Machine here = Machine.here(3);
        assertThat(here.jdk()).endsWith(System.getProperty("java.version"));
        assertThat(here.libtorch()).startsWith("2.");
        assertThat(here.threads()).isEqualTo(3);
    }

    @Test
    void aHomeWithoutGitOrWithABrokenOneHasNoCommit() throws IOException {
        assertThat(Program.of("1", temporary)).isEqualTo(new Program("1", null, null));
        Files.writeString(temporary.resolve(".git"), "nonsense");
        assertThat(Program.of("1", temporary)).isEqualTo(new Program("1", null, null));
    }

    @Test
    void aCheckoutHasItsCommitAndWhetherItDiffers() throws Exception {
        Path file = Files.writeString(temporary.resolve("a"), "1");
        int status =
                git("init", "-q")
                        | git("add", "a")
                        | git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a");
        if (status != 0) { // without git there is nothing to say, and that is no failure
            assertThat(Program.of("1", temporary).gitCommit()).isNull();
            return;
        }
        Program clean = Program.of("1", temporary);
        assertThat(clean.gitCommit()).matches("[0-9a-f]{40}");
        assertThat(clean.gitDirty()).isFalse();
        Files.writeString(file, "22");
        assertThat(Program.of("1", temporary)).isEqualTo(new Program("1", clean.gitCommit(), true));
    }

    @Test
    void aMissingOrMalformedFileIsRefused() throws IOException {
        try (RunDirectory run = RunDirectory.create(temporary, "")) {
            assertThatExceptionOfType(UserError.class)
                    .isThrownBy(() -> Provenance.read(run))
                    .withMessageStartingWith("provenance must be readable, got ");
            Files.writeString(run.provenanceFile(), "{\"sessions\": 3}");
            assertThatExceptionOfType(UserError.class)
                    .isThrownBy(() -> Provenance.read(run))
                    .withMessageStartingWith("provenance must be JSON as cleave writes it, got ");
        }
    }

    private int git(String... arguments) throws InterruptedException {
        try {
            List<String> command = new ArrayList<>(List.of("git", "-C"));
            command.add(temporary.toString());
            command.addAll(List.of(arguments));
            return new ProcessBuilder(command).inheritIO().start().waitFor();
        } catch (IOException notInstalled) {
            return 1;
        }
    }
}
