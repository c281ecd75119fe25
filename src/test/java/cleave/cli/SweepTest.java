package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.run.Provenance;
import cleave.run.RunDirectory;
import cleave.testing.BriefChildren;
import cleave.testing.Child;
import cleave.testing.FolderWatch;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `cleave sweep` on a tiny target; its runs are processes of their own.
@ExtendWith(BriefChildren.class)
class SweepTest {
    /// A learning rate that ends in numbers that are not finite.
    private static final String DIVERGES =
            "{kind: linear, from: 0.01, to: 1.0e+30, start: 0.4, end: 0.41}";

    @TempDir private Path folder;
    private TinyRun tiny;
    private Path out;
    private final List<Process> children = new ArrayList<>();

    @BeforeEach
    void write() throws IOException {
        tiny = TinyRun.in(folder);
        out = folder.resolve("sweep");
    }

    @AfterEach
    void endChildren() throws InterruptedException {
        for (Process child : children) {
            child.destroyForcibly().waitFor();
        }
    }

    @Test
    void aRunThatFailsIsARowWithItsErrorAndTheOthersGoOn() throws IOException {
        String[] options = {
            "--seeds",
            "0",
            "--vary",
            "optimizer.learning_rate=" + DIVERGES + ",0.01",
            "--json",
            "--plot",
            "unique.V1,kl.importance,active.V1.m"
        };

        Result result = TinyRun.cleave(arguments(options));

        assertThat(result.exitCode()).as(result.err()).isEqualTo(1);
        JsonNode done = new JsonMapper().readTree(result.out());
        assertThat(done.path("failed").asInt()).isEqualTo(1);
        JsonNode failed = done.path("rows").get(0);
        assertThat(failed.path("error").asString())
                .startsWith("exit code 1: ")
                .contains("must be finite")
                .doesNotContain("step 1/30");
        JsonNode finished = done.path("rows").get(1);
        assertThat(finished.path("error").isMissingNode() || finished.path("error").isNull())
                .isTrue();
        assertThat(finished.path("vary").path("optimizer.learning_rate").asString())
                .isEqualTo("0.01");
        assertThat(finished.path("figures").propertyNames())
                .contains(
                        "unique.Q0",
                        "unique.all",
                        "unique_without_floor.V1",
                        "active.V1.m",
                        "kl.importance",
                        "accuracy.importance",
                        "kl.rounded",
                        "kl.layerwise",
                        "accuracy.layerwise",
                        "kl.partial",
                        "accuracy.partial",
                        "kl.position_free",
                        "accuracy.position_free",
                        "faithfulness");
        assertThat(finished.path("minutes").asDouble()).isPositive();
        assertThat(done.path("summary").path("groups").get(0).path("failed").asInt()).isEqualTo(1);
        assertFiguresAreThoseOfTheCensus(finished);
        assertCommandMakesTheRun(finished);
        assertRowsAreTables();
        assertThat(out.resolve("unique.V1-kl.importance-active.V1.m.svg"))
                .content()
                .containsOnlyOnce("<circle") // the one that finished
                .contains(">unique.V1</text>", ">kl.importance</text>");

        // Again: what is finished stands, what failed is tried once more.
        assertThat(TinyRun.cleave(arguments(options)).exitCode()).isEqualTo(1);
        assertThat(sessions(run(finished))).isEqualTo(1);
        assertThat(sessions(run(failed))).isEqualTo(2);
    }

    private void assertFiguresAreThoseOfTheCensus(JsonNode row) {
        Result census =
                TinyRun.cleave("census", run(row).toString(), "--sequences", "20", "--json");
        JsonNode expected = new JsonMapper().readTree(census.out());
        assertThat(row.path("figures").path("kl.rounded").asDouble())
                .isEqualTo(expected.path("losses").path("rounded_reconstruction").asDouble());
        assertThat(row.path("figures").path("kl.layerwise").asDouble())
                .isEqualTo(
                        expected.path("losses")
                                .path("stochastic_reconstruction_layerwise")
                                .asDouble());
        JsonNode site = expected.path("sites").path("V1");
        assertThat(row.path("figures").path("unique.V1").asInt())
                .isEqualTo(site.path("unique").asInt());
        assertThat(row.path("figures").path("unique_without_floor.V1").asInt())
                .isEqualTo(site.path("unique_at").path("0.5").path("0").asInt());
        assertThat(row.path("figures").path("active.V1.m").asDouble())
                .isEqualTo(site.path("active").path("m").asDouble());
    }

    private void assertCommandMakesTheRun(JsonNode row) throws IOException {
        String command = row.path("command").asString();
        assertThat(command)
                .isEqualTo(
                        "bin/cleave decompose %s --set optimizer.learning_rate=0.01 --seed 0 --run %s"
                                .formatted(tiny.config(), run(row)));
        Path alone = folder.resolve("alone");
        String[] words = command.substring("bin/cleave ".length()).split(" ", -1);
        words[words.length - 1] = alone.toString();
        assertThat(TinyRun.cleave(words).exitCode()).isZero();
        assertThat(TinyRun.decomposition(run(row)))
                .hasSameBinaryContentAs(TinyRun.decomposition(alone));
    }

    private void assertRowsAreTables() throws IOException {
        List<String> lines = Files.readAllLines(out.resolve("rows.csv"));
        assertThat(lines.getFirst()).startsWith("optimizer.learning_rate,seed,run,error,unique.Q0");
        assertThat(lines.get(1)).startsWith("\"" + DIVERGES + "\",0,");
        assertThat(lines.getLast()).startsWith("0.01,0,");
        assertThat(out.resolve("summary.txt")).content().contains("runs failed", "failed: ");
    }

    @Test
    void twoRanksMakeARunEachAndTheRowsAreThoseOfOneProcess() throws IOException {
        String[] options = {"--seeds", "0-2", "--vary", "steps=2,3"};
        Result one = TinyRun.cleave(arguments(options));
        assertThat(one.exitCode()).as(one.err()).isZero();
        List<String> rows = rows();
        List<String> summary = Files.readAllLines(out.resolve("summary.txt"));
        Path alone = out;
        out = folder.resolve("ranks");

        String[] several =
                Stream.concat(Stream.of(options), Stream.of("--ranks", "2")).toArray(String[]::new);
        Result two = TinyRun.cleave(arguments(several));

        assertThat(two.exitCode()).as(two.err()).isZero();
        assertThat(two.err()).contains("finished by rank 1");
        assertThat(rows()).containsExactlyInAnyOrderElementsOf(rows);
        assertThat(Files.readAllLines(out.resolve("summary.txt")))
                .containsExactlyInAnyOrderElementsOf(summary);
        for (String row : rows) {
            String run = row.substring(0, row.indexOf(' '));
            assertThat(TinyRun.decomposition(out.resolve(run)))
                    .hasSameBinaryContentAs(TinyRun.decomposition(alone.resolve(run)));
            assertThat(sessions(out.resolve(run))).isEqualTo(1);
        }

        Result again = TinyRun.cleave(arguments(several)); // nothing is left to do
        assertThat(again.exitCode()).as(again.err()).isZero();
        assertThat(again.err()).doesNotContain("finished");
        assertThat(rows()).hasSize(6);
    }

    /// Each run's folder and figures, without what a run took.
    private List<String> rows() throws IOException {
        List<String> rows = new ArrayList<>();
        for (JsonNode row : new JsonMapper().readTree(out.resolve("rows.json"))) {
            rows.add(row.path("run").asString() + " " + row.path("figures"));
        }
        return rows;
    }

    @Test
    void everyProblemOfEveryRunIsToldBeforeTheFirstBegins() {
        Result result =
                TinyRun.cleave(
                        arguments(
                                "--seeds", "0-1",
                                "--vary", "steps=0,5",
                                "--vary", "streams[0].batch=-1,4,x"));

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err().lines())
                .hasSize(3)
                .anySatisfy(line -> assertThat(line).contains("steps must be >= 1, got 0"))
                .anySatisfy(line -> assertThat(line).contains("streams[0].batch must be >= 1"))
                .anySatisfy(line -> assertThat(line).contains("streams[0].batch", "x"));
        assertThat(out).doesNotExist();
    }

    @Test
    void whatOnlyTheTargetCanTellIsCheckedToo() {
        Result result =
                TinyRun.cleave(arguments("--seeds", "0", "--vary", "sites[1].pattern=V1,V7,X?"));

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err()).contains("got V7", "got X?");
        assertThat(out).doesNotExist();
    }

    @Test
    void wrongOptionsAreRefused() {
        assertThat(TinyRun.cleave(arguments("--seeds", "4-0")).err()).contains("--seeds");
        assertThat(TinyRun.cleave(arguments("--seeds", "0", "--vary", "seed=1,2")).err())
                .contains("hint: --seeds");
        assertThat(TinyRun.cleave(arguments("--seeds", "0", "--jobs", "0")).err())
                .contains("--jobs must be in 1..256, got 0");
        Result inside =
                TinyRun.cleave(
                        arguments(
                                "--seeds",
                                "0",
                                "--vary",
                                "warmup.steps=1,2",
                                "--vary",
                                "warmup=~"));
        assertThat(inside.exitCode()).isEqualTo(2);
        assertThat(inside.err()).contains("apart from each other, got warmup and warmup.steps");
        assertThat(out).doesNotExist();
    }

    @Test
    void ablationsAreMadeOneAtATimeBesideTheConfigurationAsItIs() throws IOException {
        String[] options = {
            "--set", "steps=2", "--seeds", "0", "--ablate", "start=kaiming", "--ablate", "steps=1,3"
        };
        Result result = TinyRun.cleave(arguments(options));

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(result.out()).contains("no change", "start=kaiming", "steps=1", "steps=3");
        JsonNode rows = new JsonMapper().readTree(out.resolve("rows.json"));
        assertThat(rows)
                .extracting(row -> row.path("vary").toString())
                .containsExactly(
                        "{}", "{\"start\":\"kaiming\"}", "{\"steps\":\"1\"}", "{\"steps\":\"3\"}");
        assertThat(rows.get(1).path("command").asString())
                .contains("--set steps=2 --set start=kaiming --seed 0");
        assertThat(TinyRun.checkpoints(run(rows.get(1)))).contains(2L);
        assertThat(TinyRun.checkpoints(run(rows.get(3)))).contains(3L);

        Result more = // and in the folder of a sweep of seeds too
                TinyRun.cleave(
                        arguments(
                                "--set",
                                "steps=2",
                                "--seeds",
                                "0",
                                "--ablate",
                                "start=kaiming",
                                "--ablate",
                                "leak=plain"));
        assertThat(more.exitCode()).as(more.err()).isZero();
        assertThat(more.err()).contains("finished").doesNotContain("kaiming");
    }

    @Test
    void ablationsThatSayNothingNewAreRefused() {
        Result both =
                TinyRun.cleave(
                        arguments(
                                "--seeds", "0", "--vary", "steps=1", "--ablate", "start=aligned"));
        assertThat(both.exitCode()).isEqualTo(2);
        assertThat(both.err()).contains("--ablate must stand without --vary");
        assertThat(
                        TinyRun.cleave(
                                        arguments(
                                                "--seeds",
                                                "0",
                                                "--ablate",
                                                "steps=1",
                                                "--ablate",
                                                "steps=2,1"))
                                .err())
                .contains("got steps=1 twice");
        assertThat(TinyRun.cleave(arguments("--seeds", "0", "--ablate", "seed=1")).err())
                .contains("--ablate must name another key than seed");
        assertThat(out).doesNotExist();
    }

    @Test
    void moreSeedsMayComeButNothingElseMayChange() throws IOException {
        String[] quick = {"--set", "steps=2", "--seeds", "0"};
        assertThat(TinyRun.cleave(arguments(quick)).exitCode()).isZero();

        Result changed = TinyRun.cleave(arguments("--set", "steps=3", "--seeds", "0-1"));
        assertThat(changed.exitCode()).isEqualTo(2);
        assertThat(changed.err())
                .contains("a sweep must keep its configuration", "  steps: 2 -> 3", "--out");
        Result varied =
                TinyRun.cleave(
                        arguments("--set", "steps=2", "--seeds", "0", "--vary", "start=kaiming"));
        assertThat(varied.exitCode()).isEqualTo(2);
        assertThat(varied.err()).contains("varied keys: [] -> [start]");

        quick[3] = "7,0";
        Result more = TinyRun.cleave(arguments(quick));
        assertThat(more.exitCode()).as(more.err()).isZero();
        assertThat(more.err()).contains("[seed-7] finished").doesNotContain("[seed-0]");
        assertThat(more.out()).contains("all seeds", "seed 0", "seed 7");

        Path other = Files.createDirectory(folder.resolve("other"));
        Files.writeString(other.resolve("mine.txt"), "");
        Result refused =
                TinyRun.cleave(
                        "sweep",
                        tiny.config().toString(),
                        "--seeds",
                        "0",
                        "--out",
                        other.toString());
        assertThat(refused.exitCode()).isEqualTo(2);
        assertThat(refused.err()).contains("must be new, empty or a sweep");
    }

    @Test
    void killedOrToldToEndASweepGoesOnWhereItWas() throws Exception {
        String[] options = {"--set", "steps=100", "--set", "cadence.checkpoint=10", "--seeds", "1"};
        Path whole = tiny.run("whole");
        assertThat(
                        tiny.decompose(
                                        whole,
                                        "--set",
                                        "steps=100",
                                        "--set",
                                        "cadence.checkpoint=10",
                                        "--seed",
                                        "1")
                                .exitCode())
                .isZero();

        Process killed = start(options);
        awaitLines(20);
        killed.destroyForcibly().waitFor();

        Process told = start(options);
        awaitLines(60);
        signal("TERM", told);
        assertThat(told.waitFor()).isEqualTo(128 + 15);
        // Its runs have saved and ended before it.
        long saved = TinyRun.checkpoints(out.resolve("seed-1")).getLast();
        assertThat(saved).isEqualTo(lines());

        Result finished = TinyRun.cleave(arguments(options));
        assertThat(finished.exitCode()).as(finished.err()).isZero();
        assertThat(TinyRun.decomposition(out.resolve("seed-1")))
                .hasSameBinaryContentAs(TinyRun.decomposition(whole));
        assertThat(sessions(out.resolve("seed-1"))).isEqualTo(3);
        assertThat(Files.readAllLines(out.resolve("rows.csv"))).hasSize(2);
    }

    private String[] arguments(String... options) {
        String[] first = {
            "sweep", tiny.config().toString(), "--out", out.toString(), "--sequences", "20"
        };
        return Stream.of(first, options).flatMap(Stream::of).toArray(String[]::new);
    }

    private Process start(String... options) throws IOException {
        Process child =
                new ProcessBuilder(Child.brief(Main.class, arguments(options)))
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
        children.add(child);
        return child;
    }

    private static void signal(String signal, Process child) throws Exception {
        List<String> command = List.of("kill", "-" + signal, Long.toString(child.pid()));
        assertThat(new ProcessBuilder(command).start().waitFor()).isZero();
    }

    private void awaitLines(long count) throws Exception {
        Path run = out.resolve("seed-1");
        Files.createDirectories(out);
        try (FolderWatch watch = FolderWatch.on(out)) {
            watch.awaitThat(() -> Files.isDirectory(run));
        }
        try (FolderWatch watch = FolderWatch.on(run)) {
            watch.awaitThat(() -> lines() >= count);
        }
    }

    private long lines() throws IOException {
        Path metrics = out.resolve("seed-1/metrics.jsonl");
        return Files.exists(metrics)
                ? Files.readString(metrics).chars().filter(c -> c == '\n').count()
                : 0;
    }

    private Path run(JsonNode row) {
        return out.resolve(row.path("run").asString());
    }

    private static int sessions(Path run) {
        return Provenance.read(RunDirectory.open(run)).sessions().size();
    }

    @Test
    void aPictureOfWhatIsNoFigureIsRefusedBeforeAnythingRuns() {
        Result result = TinyRun.cleave(arguments("--seeds", "0", "--plot", "unique.V1,loudness"));

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err()).contains("--plot must be X,Y", "loudness");
        assertThat(out).doesNotExist();
    }
}
