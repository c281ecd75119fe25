package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.ranks.RankLost;
import cleave.run.MetricsLog;
import cleave.run.RunDirectory;
import cleave.testing.BriefChildren;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Runs of several processes: their figures are those of one, and when one is lost the others end.
///
/// All terms that couple a batch are on, and importances are neither all 0 nor all 1.
@ExtendWith(BriefChildren.class)
class RanksTest {
    private static final double TIMEOUT = 12; // seconds; starts are slow on a busy machine

    @TempDir private static Path shared;
    private static TinyRun tiny;

    @TempDir private Path temporary;
    private final List<Process> ranks = new ArrayList<>();

    @BeforeAll
    static void configure() throws IOException {
        tiny = TinyRun.in(shared);
        String usage = "      - {kind: usage, coefficient: 0.01, exponent: 0.5, offset: 1.0e-5}";
        String config = Files.readString(tiny.config());
        assertThat(config).contains(usage, "coefficient: 0.1\n", "learning_rate: 0.01\n");
        Files.writeString(
                tiny.config(),
                config.replace("coefficient: 0.1\n", "coefficient: 1.0e-4\n")
                        .replace("learning_rate: 0.01\n", "learning_rate: 2.0e-4\n")
                        .replace(
                                usage,
                                """
                                      - {kind: usage, coefficient: 1.0e-4, exponent: 0.5, offset: 1.0e-5}
                                      - {kind: unused_effect, coefficient: 0.1}
                                      - {kind: used_alone, coefficient: 0.1}\
                                """
                                        .indent(0)
                                        .stripTrailing()));
    }

    @AfterEach
    void endRanks() throws InterruptedException {
        for (Process rank : ranks) {
            rank.destroyForcibly().waitFor();
        }
    }

    @ParameterizedTest
    @CsvSource({"float32, 20, 1e-4", "float32, 100, 1e-3", "float64, 100, 1e-9"})
    void twoAndFourRanksLogTheFiguresOfOne(String precision, int steps, double tolerance)
            throws IOException {
        String[] options = {
            "--set",
            "machine.precision=" + precision,
            "--set",
            "steps=" + steps,
            "--set",
            "cadence.checkpoint=" + steps
        };
        List<MetricsLog.Line> one = figures("1", options);
        assertThat(one).hasSize(steps);
        assertThat(one.getLast().values().get("usage")).isGreaterThan(0.1);
        assertThat(one.getLast().values().get("used_alone")).isGreaterThan(0);
        for (String ranks : List.of("2", "4")) {
            List<MetricsLog.Line> several = figures(ranks, options);
            assertThat(several).hasSize(steps);
            for (int step = 0; step < steps; step++) {
                assertAlike(one.get(step).values(), several.get(step).values(), tolerance);
            }
        }
    }

    @Test
    void aRankThatIsKilledEndsTheOthersAndTheRunGoesOnWithAnyNumber() throws Exception {
        String[] options = {"--set", "steps=60", "--set", "cadence.checkpoint=10"};
        Path whole = temporary.resolve("whole");
        assertThat(tiny.decompose(whole, with(options, "--ranks", "3")).exitCode()).isZero();
        Path run = temporary.resolve("run");
        start(3, run, options);
        int lines = ThreadLocalRandom.current().nextInt(11, 30);
        awaitLines(run, lines);

        int killed = ThreadLocalRandom.current().nextInt(3);
        ranks.get(killed).destroyForcibly().waitFor();

        for (int rank = 0; rank < 3; rank++) {
            if (rank != killed) {
                assertEndsWithin(TIMEOUT, rank, RankLost.EXIT_CODE);
                assertThat(said(rank))
                        .as("rank %d, when %d was killed after %d lines", rank, killed, lines)
                        .contains("rank %d of 3 (process ".formatted(killed))
                        .contains("ended without a word")
                        .contains("hint: the last checkpoint is whole")
                        .doesNotContain("\tat ");
            }
        }
        Path copy = TinyRun.copy(run, temporary.resolve("copy"));
        Result same = tiny.decompose(run, with(options, "--resume", "--ranks", "3"));
        assertThat(same.exitCode()).as(same.err()).isZero();
        assertThat(TinyRun.decomposition(run)).hasSameBinaryContentAs(TinyRun.decomposition(whole));
        assertThat(TinyRun.newest(run, "training.safetensors"))
                .hasSameBinaryContentAs(TinyRun.newest(whole, "training.safetensors"));
        Result other = tiny.decompose(copy, with(options, "--resume"));
        assertThat(other.exitCode()).as(other.err()).isZero();
        assertAlike(
                MetricsLog.read(RunDirectory.open(whole)).getLast().values(),
                MetricsLog.read(RunDirectory.open(copy)).getLast().values(),
                1e-3);
    }

    @Test
    void aRankThatIsFrozenEndsTheOthersWithinTheTimeOut() throws Exception {
        Path run = temporary.resolve("run");
        start(3, run, "--set", "steps=100000");
        awaitLines(run, 3);

        signal(ranks.get(1), "STOP");

        for (int rank : new int[] {0, 2}) {
            assertEndsWithin(TIMEOUT, rank, RankLost.EXIT_CODE);
            assertThat(said(rank)).containsPattern("rank 1 of 3 \\(.+\\) was silent for 8.4 s");
        }
    }

    @Test
    void aRankThatIsToldToEndEndsAllAfterTheStepAndTheStateIsSaved() throws Exception {
        Path run = temporary.resolve("run");
        start(2, run, "--set", "steps=100000", "--set", "cadence.checkpoint=50000");
        awaitLines(run, 3);

        signal(ranks.get(1), "TERM");

        assertEndsWithin(TIMEOUT, 0, 0);
        assertEndsWithin(TIMEOUT, 1, 128 + 15);
        assertThat(said(0)).containsPattern("stopped after \\d+ of 100000 steps, and saved");
        assertThat(TinyRun.checkpoints(run)).hasSize(1);
    }

    @Test
    void whatRankZeroRefusesEndsTheRanksItStarted() throws Exception {
        Path run = Files.createDirectory(temporary.resolve("run"));
        Files.writeString(run.resolve("mine.txt"), "not a run");

        Result result = tiny.decompose(run, "--ranks", "2");

        assertThat(result.exitCode()).as(result.err()).isEqualTo(2);
        assertThat(result.err()).startsWith("run directory must be");
        assertThat(ProcessHandle.current().children().filter(ProcessHandle::isAlive)).isEmpty();
    }

    /// Starts ranks as torchrun does.
    private void start(int size, Path run, String... options) throws IOException {
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        for (int rank = 0; rank < size; rank++) {
            ProcessBuilder builder =
                    new ProcessBuilder(
                                    tiny.decomposeCommand(
                                            run,
                                            with(
                                                    options,
                                                    "--rank-timeout",
                                                    Double.toString(TIMEOUT))))
                            .redirectErrorStream(true)
                            .redirectOutput(output(rank).toFile());
            builder.environment()
                    .putAll(
                            Map.of(
                                    "RANK", Integer.toString(rank),
                                    "LOCAL_RANK", Integer.toString(rank),
                                    "WORLD_SIZE", Integer.toString(size),
                                    "MASTER_ADDR", "localhost",
                                    "MASTER_PORT", Integer.toString(port)));
            ranks.add(builder.start());
        }
    }

    private Path output(int rank) {
        return temporary.resolve("rank-%d.txt".formatted(rank));
    }

    private String said(int rank) throws IOException {
        return Files.readString(output(rank));
    }

    private void assertEndsWithin(double seconds, int rank, int exitCode) throws Exception {
        Process process = ranks.get(rank);
        assertThat(process.waitFor(Math.round(1000 * seconds), TimeUnit.MILLISECONDS))
                .as("rank %d ends", rank)
                .isTrue();
        assertThat(process.exitValue()).as(said(rank)).isEqualTo(exitCode);
    }

    private static void signal(Process process, String name) throws Exception {
        List<String> command = List.of("kill", "-" + name, Long.toString(process.pid()));
        assertThat(new ProcessBuilder(command).inheritIO().start().waitFor()).isZero();
    }

    private void awaitLines(Path run, long count) throws Exception {
        Path metrics = run.resolve("metrics.jsonl");
        long end = System.nanoTime() + Duration.ofMinutes(5).toNanos();
        while (!Files.exists(metrics)
                || Files.readString(metrics).chars().filter(c -> c == '\n').count() < count) {
            assertThat(ranks).as(said(0)).allMatch(Process::isAlive);
            assertThat(System.nanoTime()).as("lines must come in 5 minutes").isLessThan(end);
            Thread.sleep(20);
        }
    }

    private List<MetricsLog.Line> figures(String ranks, String... options) throws IOException {
        Path run = temporary.resolve("run-" + ranks);
        Result result = tiny.decompose(run, with(options, "--ranks", ranks));
        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(run.resolve("provenance.json"))
                .content()
                .satisfies(text -> {
                    if (ranks.equals("1")) {
                        assertThat(text).doesNotContain("ranks\" :");
                    } else {
                        assertThat(text).contains("\"ranks\" : " + ranks);
                    }
                });
        return MetricsLog.read(RunDirectory.open(run));
    }

    private static void assertAlike(
            Map<String, @Nullable Double> one,
            Map<String, @Nullable Double> other,
            double tolerance) {
        assertThat(other.keySet()).isEqualTo(one.keySet());
        one.forEach((name, value) -> {
            if (!name.equals("session_seconds")) {
                double number = Objects.requireNonNull(value);
                assertThat(other.get(name))
                        .as(name)
                        .isCloseTo(number, within(tolerance * Math.max(1, Math.abs(number))));
            }
        });
    }

    private static String[] with(String[] options, String... more) {
        return Stream.of(options, more).flatMap(Stream::of).toArray(String[]::new);
    }
}
