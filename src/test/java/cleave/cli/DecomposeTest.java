package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.run.LoadedRun;
import cleave.run.MetricsLog;
import cleave.run.Provenance;
import cleave.run.RunDirectory;
import cleave.tensor.Safetensors;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

/// `cleave decompose` on a tiny target: what a run leaves, and that every way to its end ends in
/// the same bytes.
class DecomposeTest {
    @TempDir private static Path shared;
    private static TinyRun tiny;

    /// A finished run that no test changes, and what its command said.
    private static Path whole;

    private static Result finished;

    @TempDir private Path temporary;
    private Path run;

    @BeforeAll
    static void decompose() throws IOException {
        tiny = TinyRun.in(shared);
        whole = tiny.run("whole");
        finished = tiny.decompose(whole);
    }

    @BeforeEach
    void name() {
        run = temporary.resolve("run");
    }

    @Test
    void aRunLeavesEveryFileOfThePageAboutRuns() throws IOException {
        assertThat(finished.exitCode()).as(finished.err()).isZero();
        assertThat(finished.out())
                .isEqualToNormalizingNewlines(
                        "run: %s\nnext: cleave census %s\n".formatted(whole, whole));
        assertThat(filesUnder(whole))
                .containsExactly(
                        "checkpoints/25/checksums.json",
                        "checkpoints/25/decomposition.safetensors",
                        "checkpoints/25/training.safetensors",
                        "checkpoints/30/checksums.json",
                        "checkpoints/30/decomposition.safetensors",
                        "checkpoints/30/training.safetensors",
                        "config.yaml",
                        "lock",
                        "metrics.jsonl",
                        "provenance.json",
                        "run.json",
                        "target/config.yaml",
                        "target/model.safetensors");
        String page = Files.readString(Path.of("docs/reference/run-folder.md"));
        assertThat(filesUnder(whole))
                .allSatisfy(
                        file -> assertThat(page).contains("`" + Path.of(file).getFileName() + "`"));
        assertThat(whole.resolve("target/model.safetensors"))
                .hasSameBinaryContentAs(tiny.model().resolve("model.safetensors"));
    }

    @Test
    void everyStepIsLoggedAtTheCadenceAndTheLastOneAlways() {
        assertThat(tiny.decompose(run, "--set", "cadence.log=4", "--set", "steps=10").exitCode())
                .isZero();

        List<MetricsLog.Line> lines = MetricsLog.read(RunDirectory.open(run));
        assertThat(lines).extracting(MetricsLog.Line::step).containsExactly(0L, 4L, 8L, 9L);
        assertThat(lines.getFirst().values().keySet())
                .containsExactly(
                        "total",
                        "faithfulness",
                        "stochastic_reconstruction",
                        "importance_reconstruction_partial",
                        "importance_minimality",
                        "usage",
                        "active_per_sequence",
                        "learning_rate",
                        "gradient_norm_subcomponents",
                        "gradient_norm_gates",
                        "session_seconds");
    }

    @Test
    void provenanceNamesSeedTargetAndCommandLine() {
        assertThat(tiny.decompose(run, "--seed", "3", "--set=steps=1").exitCode()).isZero();

        Provenance provenance = Provenance.read(RunDirectory.open(run));
        assertThat(provenance.subject().seed()).isEqualTo(3);
        assertThat(provenance.subject().targetFile()).isEqualTo("model.safetensors");
        Provenance.Session session = provenance.sessions().getFirst();
        assertThat(session.commandLine())
                .containsExactly(
                        "decompose",
                        tiny.config().toString(),
                        "--run",
                        run.toString(),
                        "--seed",
                        "3",
                        "--set=steps=1");
        assertThat(session.ended()).isAfter(session.started());
    }

    @Test
    void jsonIsAloneOnStandardOutput() {
        Result result = tiny.decompose(run, "--json", "--set", "steps=5");

        var json = JsonMapper.shared().readTree(result.out());
        assertThat(json.get("run").asString()).isEqualTo(run.toString());
        assertThat(json.get("steps").asInt()).isEqualTo(5);
        assertThat(json.get("finished").asBoolean()).isTrue();
    }

    @Test
    void aRelativeTargetStartsAtTheConfiguration() throws IOException {
        // The working directory of this test holds no folder `model`.
        assertThat(Path.of("model")).doesNotExist();
        assertThat(tiny.decompose(run, "--set", "steps=1").exitCode()).isZero();
        assertThat(run.resolve("config.yaml")).content().contains("target: " + tiny.model());
    }

    @Test
    void settingsReachTheRun() throws IOException {
        Result result = tiny.decompose(run, "--set", "steps=6", "--set", "cadence.checkpoint=3");

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(TinyRun.checkpoints(run)).containsExactly(3L, 6L);
        try (LoadedRun loaded = LoadedRun.open(run)) {
            assertThat(loaded.file().steps()).isEqualTo(6);
            assertThat(loaded.checkpoint().step()).isEqualTo(6);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void theSameSeedEndsInTheSameBytesAndAnotherSeedDoesNot(int workers) throws IOException {
        Path again = temporary.resolve("again");
        Path other = temporary.resolve("other");
        String[] set = {"--set", "machine.workers=" + workers, "--set", "steps=10"};
        assertThat(tiny.decompose(run, set).exitCode()).isZero();
        assertThat(tiny.decompose(again, set).exitCode()).isZero();
        assertThat(tiny.decompose(other, "--set=steps=1", "--seed", "8").exitCode()).isZero();

        assertThat(TinyRun.decomposition(again)).hasSameBinaryContentAs(TinyRun.decomposition(run));
        assertThat(Files.mismatch(TinyRun.decomposition(other), TinyRun.decomposition(run)))
                .isNotNegative();
    }

    @Test
    void aRunThatLostItsLastStepsResumesToTheSameBytes() throws IOException {
        copyOfWhole();
        loseCheckpoint(30);

        Result result = tiny.decompose(run, "--resume");

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertSameEnd();
        assertThat(Provenance.read(RunDirectory.open(run)).sessions()).hasSize(2);
        assertThat(run.resolve("log.txt")).content().contains("INFO resuming at step 25 of 30");
    }

    @Test
    void aDamagedLatestCheckpointIsSaidAndTheOneBeforeContinues() throws IOException {
        copyOfWhole();
        TinyRun.flipLastBit(TinyRun.newest(run, "training.safetensors"));

        Result result = tiny.decompose(run, "--resume");

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertSameEnd();
        assertThat(run.resolve("log.txt"))
                .content()
                .contains("WARNING checkpoint 30 is damaged, trying the one before", "at step 25");
    }

    @Test
    void aFinishedRunResumesToItself() throws IOException {
        copyOfWhole();
        assertThat(tiny.decompose(run, "--resume").exitCode()).isZero();
        assertSameEnd();
    }

    /// At step 30 the line from 1 to 0.5 over 30 steps is at its end; over 40 steps, of which the
    /// first is 0 and the last 39, it is at 1 - 0.5 * 30 / 39 = 0.615.
    @Test
    void aFinishedRunIsLengthenedAndSaysWhatThatDoesToItsSchedules() throws IOException {
        copyOfWhole();

        Result result = tiny.decompose(run, "--resume", "--steps", "40", "--json");

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(JsonMapper.shared().readTree(result.out()).at("/warnings/0").asString(""))
                .isEqualToNormalizingNewlines(
                        """
                        lengthened from 30 to 40 steps; schedules are stretched over the 40
                          streams[0].losses[2].p: 0.500 at step 29, 0.615 at step 30, 0.500 at the end
                        hint: the first 30 steps keep what the shorter schedules gave them; this is not a run of 40 steps from its start\
                        """);
        assertThat(run.resolve("log.txt")).content().contains("WARNING lengthened from 30 to 40");
        assertThat(TinyRun.checkpoints(run)).contains(40L);
        assertThat(MetricsLog.read(RunDirectory.open(run)))
                .extracting(MetricsLog.Line::step)
                .isEqualTo(LongStream.range(0, 40).boxed().toList());
        assertThat(run.resolve("config.yaml")).content().contains("steps: 40");
        assertThat(Provenance.read(RunDirectory.open(run)).sessions())
                .extracting(Provenance.Session::lengthened)
                .containsExactly(null, new Provenance.Lengthened(30, 40, 30));
    }

    @Test
    void aLengthenedRunThatLostItsLastStepsResumesToTheSameBytesWithoutBeingToldAgain()
            throws IOException {
        copyOfWhole();
        assertThat(tiny.decompose(run, "--resume", "--steps", "40").exitCode()).isZero();
        Path end = Files.copy(TinyRun.decomposition(run), temporary.resolve("end"));
        for (String[] again : new String[][] {{"--resume"}, {"--resume", "--steps", "40"}}) {
            loseCheckpoint(40);

            Result result = tiny.decompose(run, again);

            assertThat(result.exitCode()).as(result.err()).isZero();
            assertThat(TinyRun.decomposition(run)).hasSameBinaryContentAs(end);
        }
        assertThat(Files.readString(run.resolve("log.txt"))).containsOnlyOnce("lengthened");
    }

    @Test
    void aRunIsOnlyLengthenedWhereThatIsAskedFor() throws IOException {
        copyOfWhole();

        Result shorter = tiny.decompose(run, "--resume", "--steps", "20");
        Result changed = tiny.decompose(run, "--resume", "--set", "steps=40");
        Result fresh = tiny.decompose(temporary.resolve("fresh"), "--steps", "40");

        assertThat(List.of(shorter.exitCode(), changed.exitCode(), fresh.exitCode()))
                .containsOnly(2);
        assertThat(shorter.err()).contains("--steps of a resumed run must be at least its 30");
        assertThat(changed.err())
                .contains("steps: 30 -> 40", "hint: --resume --steps 40 lengthens the run");
        assertThat(fresh.err()).contains("--steps must come with --resume", "--set steps=40");
        assertSameEnd();
    }

    @Test
    void theSameTargetInAnotherPlaceIsNoChange() throws IOException {
        copyOfWhole();
        Path moved = Files.createDirectories(temporary.resolve("moved"));
        for (String file : List.of("config.yaml", "model.safetensors")) {
            Files.copy(tiny.model().resolve(file), moved.resolve(file));
        }

        Result result = tiny.decompose(run, "--resume", "--set", "target=" + moved);

        assertThat(result.exitCode()).as(result.err()).isZero();
    }

    @Test
    void anotherTargetIsAChange() throws IOException {
        copyOfWhole();
        Path other = Files.createDirectories(temporary.resolve("other"));
        TinyRun.in(other).writeModel(1);

        Result result =
                tiny.decompose(run, "--resume", "--set", "target=" + other.resolve("model"));

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err()).contains("target:");
    }

    @Test
    void resumingFromAnotherRunIsRefused() throws IOException {
        copyOfWhole();

        Result result = tiny.decompose(run, "--resume", "--from", whole.toString());

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err()).contains("--from", "--resume");
    }

    @Test
    void aRunInBfloat16ContinuesWhereItStopped() throws IOException {
        String[] options = {
            "--set",
            "machine.precision=bfloat16",
            "--set",
            "steps=4",
            "--set",
            "cadence.checkpoint=2"
        };
        tiny.decompose(run, options);
        assertThat(Files.readString(run.resolve("provenance.json")))
                .contains("products in bfloat16");
        Path end = Files.copy(TinyRun.decomposition(run), temporary.resolve("end"));
        loseCheckpoint(4);

        Result result = tiny.decompose(run, with(options, "--resume"));

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(TinyRun.decomposition(run)).hasSameBinaryContentAs(end);
    }

    @Test
    void aRunKilledBeforeItsFirstCheckpointStartsAgain() throws IOException {
        String[] options = {"--set", "steps=3", "--set", "cadence.checkpoint=3"};
        tiny.decompose(run, options);
        assertThat(TinyRun.checkpoints(run)).containsExactly(3L);
        Path end = Files.copy(TinyRun.decomposition(run), temporary.resolve("end"));
        loseCheckpoint(3);

        Result result = tiny.decompose(run, with(options, "--resume"));

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(TinyRun.decomposition(run)).hasSameBinaryContentAs(end);
    }

    @Test
    void aFreshRunKilledBeforeItsBeginningWasWholeIsMadeAnew() throws IOException {
        // What is on disk before config.yaml, the last file of the beginning, is in place.
        Files.createDirectory(run);
        for (String file : List.of("run.json", "lock")) {
            Files.copy(whole.resolve(file), run.resolve(file));
        }
        Files.createDirectory(run.resolve("target"));
        Files.writeString(run.resolve("target/config.yaml"), "torn");
        Files.createDirectories(run.resolve("checkpoints/.0.partial"));
        Files.createDirectory(run.resolve("checkpoints/0"));

        Result resumed = tiny.decompose(run, "--resume");
        assertThat(resumed.exitCode()).isEqualTo(2);
        assertThat(resumed.err())
                .contains("never begun", "hint: without --resume, cleave decompose begins it");
        Result made = tiny.decompose(run);
        assertThat(made.exitCode()).as(made.err()).isZero();
        assertThat(TinyRun.decomposition(run)).hasSameBinaryContentAs(TinyRun.decomposition(whole));
    }

    @Test
    void aRunStartsFromAnother() throws IOException {
        String[] options = {"--set", "steps=4", "--seed", "1"};
        Result result = tiny.decompose(run, with(options, "--from", whole.toString()));

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(run.resolve("checkpoints/0/decomposition.safetensors"))
                .hasSameBinaryContentAs(TinyRun.decomposition(whole));
        // Killed before its first checkpoint, it goes on from that state, not from a fresh one.
        Path end = Files.copy(TinyRun.decomposition(run), temporary.resolve("end"));
        loseCheckpoint(4);
        assertThat(tiny.decompose(run, with(options, "--resume")).exitCode()).isZero();
        assertThat(TinyRun.decomposition(run)).hasSameBinaryContentAs(end);
    }

    @Test
    void aDiskWithoutRoomForTheCheckpointsIsNamedBeforeTheDirectoryExists() {
        Result result = tiny.decompose(run, "--set", "sites[0].subcomponents=2000000000");

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err()).startsWith("free disk must be >= ");
        assertThat(run).doesNotExist();
    }

    @Test
    void anotherShapeIsRefusedBeforeTheDirectoryExists() {
        Result result =
                tiny.decompose(
                        run, "--from", whole.toString(), "--set", "sites[1].subcomponents=5");

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err())
                .contains(
                        "got differences",
                        "  V1.U: [5, 8] here, [4, 8] there",
                        "  V1.V: [8, 5] here, [8, 4] there")
                .doesNotContain("Q0");
        assertThat(run).doesNotExist();
    }

    @Test
    void aLossThatIsNotFiniteStopsTheRunAndKeepsTheLastGoodCheckpoint() throws IOException {
        String rate =
                "optimizer.learning_rate={kind: linear, from: 0.01, to: 1.0e+30, start: 0.4, end: 0.41}";

        Result result = tiny.decompose(run, "--set", rate);

        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.err().lines())
                .hasSize(2)
                .first()
                .asString()
                .matches("loss term \\S+ must be finite, got \\S+ \\(step 1[2-4]\\)");
        assertThat(run.resolve("log.txt"))
                .content()
                .containsPattern(
                        "SEVERE loss term \\S+ must be finite, got \\S+ \\(step 1[2-4]\\)");
        assertThat(TinyRun.checkpoints(run)).containsExactly(5L, 10L);
        try (LoadedRun loaded = LoadedRun.open(run)) {
            assertThat(loaded.checkpoint().step()).isEqualTo(10);
        }
        assertThat(MetricsLog.read(RunDirectory.open(run)).getLast().step()).isLessThan(14);
    }

    @Test
    void parametersThatAreNotFiniteAreNeverSaved() throws IOException {
        // Weight decay of this size overflows in one update, and the checkpoint is due before a
        // loss can tell.
        Result result =
                tiny.decompose(
                        run,
                        "--set",
                        "optimizer.learning_rate=3.0e+37",
                        "--set",
                        "optimizer.adam.weight_decay=10.0",
                        "--set",
                        "cadence.checkpoint=1");

        assertThat(result.exitCode()).isEqualTo(1);
        assertThat(result.err()).contains("every parameter must be finite", "(step 1)");
        assertThat(TinyRun.checkpoints(run)).isEmpty();
    }

    private static String[] with(String[] options, String... more) {
        return Stream.of(options, more).flatMap(Stream::of).toArray(String[]::new);
    }

    private void copyOfWhole() throws IOException {
        try (Stream<Path> files = Files.walk(whole)) {
            for (Path file : files.toList()) {
                Files.copy(file, run.resolve(whole.relativize(file).toString()));
            }
        }
    }

    private void loseCheckpoint(long step) throws IOException {
        Path checkpoint = run.resolve("checkpoints").resolve(Long.toString(step));
        try (Stream<Path> files = Files.list(checkpoint)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(checkpoint);
    }

    /// The run ended as the one that was never interrupted.
    private void assertSameEnd() throws IOException {
        assertThat(TinyRun.checkpoints(run)).containsExactly(25L, 30L);
        assertThat(TinyRun.decomposition(run)).hasSameBinaryContentAs(TinyRun.decomposition(whole));
        assertThat(TinyRun.newest(run, "training.safetensors"))
                .hasSameBinaryContentAs(TinyRun.newest(whole, "training.safetensors"));
        assertThat(MetricsLog.read(RunDirectory.open(run)))
                .extracting(MetricsLog.Line::step)
                .containsExactlyElementsOf(LongStream.range(0, 30).boxed().toList());
        assertThat(Safetensors.header(TinyRun.decomposition(run)).metadata()).isEmpty();
    }

    private static List<String> filesUnder(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> folder.relativize(file).toString())
                    .sorted()
                    .toList();
        }
    }
}
