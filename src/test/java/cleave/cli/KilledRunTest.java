package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.run.MetricsLog;
import cleave.run.RunDirectory;
import cleave.testing.FolderWatch;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Runs in processes of their own that are killed, told to end, or meet a full disk.
class KilledRunTest {
    private static final long STEPS = 100;
    private static final int SIGTERM_EXIT = 128 + 15;

    @TempDir private static Path shared;
    private static TinyRun tiny;

    /// The run that nothing interrupted.
    private static Path whole;

    @TempDir private Path temporary;
    private Path run;
    private final List<Process> children = new ArrayList<>();

    @BeforeAll
    static void decompose() throws IOException {
        tiny = TinyRun.in(shared);
        whole = tiny.run("whole");
        assertThat(tiny.decompose(whole, options()).exitCode()).isZero();
    }

    @BeforeEach
    void makeFolder() throws IOException {
        run = Files.createDirectory(temporary.resolve("run"));
    }

    @AfterEach
    void endChildren() throws InterruptedException {
        for (Process child : children) {
            child.destroyForcibly().waitFor();
        }
    }

    @Test
    void killedAtThreeMomentsARunResumesToTheSameBytes() throws Exception {
        Process first = start();
        awaitLines(7);
        // Nobody else may write while it lives; stopped, it cannot come to its end meanwhile.
        signal(first, "STOP");
        Result second = tiny.decompose(run, options("--resume"));
        assertThat(second.exitCode()).isEqualTo(2);
        assertThat(second.err())
                .startsWith("run directory must have one writer, got a second while process ")
                .contains(Long.toString(first.pid()));
        kill(first);

        Process again = start("--resume");
        awaitSave();
        kill(again);
        long reached = lines();

        Process third = start("--resume");
        awaitLines(reached + 23);
        kill(third);

        assertEndsLikeAnUninterruptedRun();
    }

    @Test
    void toldToEndARunFinishesItsStepSavesAndSaysHowToGoOn() throws Exception {
        Process child = start();
        awaitLines(12);
        awaitSave();
        signal(child, "TERM");

        String said = outputOf(child);
        assertThat(child.waitFor()).isEqualTo(SIGTERM_EXIT);
        long saved = TinyRun.checkpoints(run).getLast();
        assertThat(saved).isEqualTo(lines());
        assertThat(said)
                .contains(
                        "stopped after %d of %d steps, and saved".formatted(saved, STEPS),
                        "next: the same command with --resume");
        assertThat(run.resolve("provenance.json")).content().contains("\"ended\"");
        assertEndsLikeAnUninterruptedRun();
    }

    @Test
    void aFullDiskEndsTheRunAndTheCheckpointBeforeGoesOn() throws Exception {
        assertThat(tiny.decompose(run, "--set", "steps=10").exitCode()).isZero();
        byte[] end = Files.readAllBytes(TinyRun.decomposition(run));
        TinyRun.loseNewestCheckpoint(run);

        // A limit on any one file: all files fit, but for the optimiser's moments.
        List<String> command = new ArrayList<>();
        command.addAll(List.of("bash", "-c", "ulimit -f 40; exec \"$@\"", "bash"));
        command.addAll(tiny.decomposeCommand(run, "--resume", "--set", "steps=10"));
        command.add(5, "-XX:-UsePerfData");
        Process child = started(command);

        assertThat(outputOf(child))
                .containsPattern(
                        "training\\.safetensors could not be written: .+ bytes needed, \\d+ usable")
                .doesNotContain("\tat ");
        assertThat(child.waitFor()).isEqualTo(1);
        assertThat(TinyRun.checkpoints(run)).containsExactly(5L);
        Result resumed = tiny.decompose(run, "--resume", "--set", "steps=10");
        assertThat(resumed.exitCode()).as(resumed.err()).isZero();
        assertThat(TinyRun.decomposition(run)).hasBinaryContent(end);
    }

    private static String[] options(String... more) {
        String[] always = {"--set", "steps=" + STEPS, "--set", "cadence.checkpoint=10"};
        return Stream.of(always, more).flatMap(Stream::of).toArray(String[]::new);
    }

    private Process start(String... more) throws IOException {
        return started(tiny.decomposeCommand(run, options(more)));
    }

    private Process started(List<String> command) throws IOException {
        Process child = new ProcessBuilder(command).redirectErrorStream(true).start();
        children.add(child);
        return child;
    }

    private static void signal(Process child, String name)
            throws IOException, InterruptedException {
        List<String> command = List.of("kill", "-" + name, Long.toString(child.pid()));
        assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
    }

    private static void kill(Process child) throws InterruptedException {
        assertThat(child.isAlive()).as("the run is still under way").isTrue();
        child.destroyForcibly().waitFor();
    }

    private static String outputOf(Process child) throws IOException {
        return new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }

    private void awaitLines(long count) throws IOException, InterruptedException {
        try (FolderWatch watch = FolderWatch.on(run)) {
            watch.awaitThat(() -> lines() >= count);
        }
    }

    private void awaitSave() throws IOException, InterruptedException {
        try (FolderWatch watch = FolderWatch.on(run.resolve("checkpoints"))) {
            watch.awaitCreation(".partial");
        }
    }

    private long lines() throws IOException {
        Path metrics = run.resolve("metrics.jsonl");
        return Files.exists(metrics)
                ? Files.readString(metrics).chars().filter(c -> c == '\n').count()
                : 0;
    }

    private void assertEndsLikeAnUninterruptedRun() throws IOException {
        Result resumed = tiny.decompose(run, options("--resume"));
        assertThat(resumed.exitCode()).as(resumed.err()).isZero();

        assertThat(TinyRun.decomposition(run)).hasSameBinaryContentAs(TinyRun.decomposition(whole));
        assertThat(TinyRun.newest(run, "training.safetensors"))
                .hasSameBinaryContentAs(TinyRun.newest(whole, "training.safetensors"));
        assertThat(MetricsLog.read(RunDirectory.open(run)))
                .extracting(MetricsLog.Line::step)
                .containsExactlyElementsOf(LongStream.range(0, STEPS).boxed().toList());
    }
}
