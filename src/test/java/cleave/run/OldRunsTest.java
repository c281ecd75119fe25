package cleave.run;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Runs that an earlier version wrote are read, and go on, as that version would have it. Their
/// folder's README says how they were made.
///
/// All expected numbers were printed by that version. They are compared to a relative 1e-4: another
/// order of summation moves single-precision numbers by some 1e-7, and the steps after a resume
/// multiply that, by gradients of small importances before all. With libtorch's and OpenBLAS'
/// kernels for older processors the version itself ended within 3e-6 in U, V and gates. A
/// divergence between nearly equal distributions is a sum of terms that cancel, and is known to
/// some 1e-7 only, so numbers may also differ by 1e-6.
class OldRunsTest {
    private static final Path OLD = Path.of("src/test/resources/old-runs/04da03c");
    private static final String COMMIT = "04da03ce4f95ce3c06360661d5d7c5533c89630e";
    private static final double RELATIVE = 1e-4;
    private static final double ABSOLUTE = 1e-6;

    @TempDir private Path temporary;

    @ParameterizedTest
    @CsvSource({
        "induction/stopped, 7, 28, 28",
        "induction/finished, 14, 28, 28",
        "gpt2/stopped, 12, 39, 52",
        "gpt2/finished, 24, 25, 52",
        "exported, 24, 33, 52",
        "tms/stopped, 14, 12, 12",
        "tms/finished, 40, 12, 12",
    })
    void anOldRunOpensAtItsLastCheckpoint(String run, long step, int living, int original) {
        try (LoadedRun loaded = LoadedRun.open(OLD.resolve(run))) {
            assertThat(loaded.checkpoint().step()).isEqualTo(step);
            assertThat(loaded.kept()).isEqualTo(new LoadedRun.Kept(living, original));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "induction/stopped",
                "induction/finished",
                "gpt2/stopped",
                "gpt2/finished",
                "exported"
            })
    void aCensusOfAnOldRunFindsTheSame(String run) {
        compare(
                run.replace('/', '-') + "-census.json",
                "census",
                OLD.resolve(run).toString(),
                "--sequences",
                "64");
    }

    @Test
    void theTargetsThatOldRunsKeepPredictTheSame() {
        compare(
                "induction-predict.json",
                "predict",
                OLD.resolve("induction/finished/target").toString(),
                "--ids",
                "0,5,17,129,5,44,129",
                "--logits",
                "--top",
                "3");
        compare(
                "gpt2-predict.json",
                "predict",
                OLD.resolve("gpt2/finished/target").toString(),
                "Ann plays the sport of",
                "--logits",
                "--generate",
                "2",
                "--top",
                "3");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "induction/finished; 0,5,17,129,5,44,129; K1:0,O0:0,K0:0,V0:3,O1:0",
                "gpt2/finished; 26,16,3,20,4; h.0.mlp.c_fc:5,h.0.attn.c_attn.k:0,h.1.mlp.c_proj:4,h.1.mlp.c_fc:2",
                "exported; 26,16,3,20,4; h.0.mlp.c_fc:5,h.1.attn.c_proj:2,h.1.mlp.c_fc:4,h.1.mlp.c_proj:2",
            })
    void importancesAndSuppressionsOnGivenTokensAreTheSame(
            String run, String tokens, String subcomponents) {
        compare(
                run.replace("/finished", "") + "-suppress.json",
                "suppress",
                OLD.resolve(run).toString(),
                "--tokens",
                tokens,
                "--subcomponents",
                subcomponents);
    }

    @ParameterizedTest
    @CsvSource({"induction, 14", "gpt2, 24", "tms, 40"})
    void aStoppedRunGoesOnToWhereTheOldVersionEnded(String name, long last) throws IOException {
        Path finished = OLD.resolve(name).resolve("finished");
        Path run = copyOf(name + "/stopped");

        ok("decompose", run.resolve("config.yaml").toString(), "--run", run.toString(), "--resume");

        assertThat(TinyRun.checkpoints(run)).endsWith(last);
        compareLines(finished, run, "metrics.jsonl", Set.of("session_seconds"));
        // A receipt's bytes are the program's own.
        compareLines(finished, run, "compactions.jsonl", Set.of("bytes"));
        compareLines(finished, run, "twins.jsonl", Set.of());
        compareTensors(TinyRun.decomposition(finished), TinyRun.decomposition(run));
        requireBothVersions(run);
    }

    @Test
    void itGoesOnByTheConfigurationItWasStartedWithWhereverTheTargetLies() throws IOException {
        Path run = copyOf("induction/stopped");

        ok(
                "decompose",
                OLD.resolve("induction.yaml").toString(),
                "--set",
                "target=" + run.resolve("target").toAbsolutePath(),
                "--run",
                run.toString(),
                "--resume");

        assertThat(TinyRun.checkpoints(run)).endsWith(14L);
        requireBothVersions(run);
    }

    @Test
    void aChangedKeyIsStillRefusedByName() throws IOException {
        Path run = copyOf("induction/stopped");

        Result result =
                TinyRun.cleave(
                        "decompose",
                        run.resolve("config.yaml").toString(),
                        "--set",
                        "twins.every=3",
                        "--run",
                        run.toString(),
                        "--resume");

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err())
                .contains("a resumed run must keep its configuration, got changed keys")
                .contains("twins.every");
        assertThat(Provenance.read(RunDirectory.open(run)).sessions()).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(strings = {"gpt2/finished", "exported"})
    void anotherRunStartsFromAnOldOne(String old) throws IOException {
        Path from = OLD.resolve(old);
        Path run = temporary.resolve("from");
        List<String> command =
                new ArrayList<>(
                        List.of(
                                "decompose",
                                OLD.resolve("gpt2.yaml").toString(),
                                "--set",
                                "target=" + exportedTarget().toAbsolutePath(),
                                "--set",
                                "steps=1",
                                "--from",
                                from.toString(),
                                "--run",
                                run.toString()));
        if (old.equals("exported")) {
            command.set(1, OLD.resolve("gpt2-shared.yaml").toString());
        }

        ok(command.toArray(String[]::new));

        try (LoadedRun theirs = LoadedRun.open(from);
                LoadedRun ours = LoadedRun.open(run)) {
            assertThat(ours.kept()).isEqualTo(theirs.kept());
            assertThat(ours.decomposition().remainders().keySet())
                    .isEqualTo(theirs.decomposition().remainders().keySet())
                    .isNotEmpty();
        }
    }

    @Test
    void aDamagedCheckpointOfAnOldRunIsPassedOver() throws IOException {
        Path run = copyOf("tms/stopped");
        TinyRun.flipLastBit(TinyRun.decomposition(run));

        Result result =
                TinyRun.cleave(
                        "decompose",
                        run.resolve("config.yaml").toString(),
                        "--run",
                        run.toString(),
                        "--resume");

        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(run.resolve("log.txt"))
                .content()
                .contains("must have sha-256", "resuming at step 0 of 40");
        compareLines(OLD.resolve("tms/finished"), run, "metrics.jsonl", Set.of("session_seconds"));
    }

    @Test
    void aRunOfANewerFormatIsRefusedInTheSameWords() throws IOException {
        Path run = copyOf("tms/stopped");
        Files.writeString(run.resolve("run.json"), "{\"format\":\"cleave-run\",\"version\":99}\n");

        Result result =
                TinyRun.cleave(
                        "decompose",
                        run.resolve("config.yaml").toString(),
                        "--run",
                        run.toString(),
                        "--resume");

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err())
                .contains("run directory's format version must be at most ")
                .contains(", got 99 (")
                .contains("hint: a newer cleave wrote this run; update cleave to read it");
    }

    /// The first session is the old program's, the second this program's.
    private static void requireBothVersions(Path run) throws IOException {
        JsonNode old =
                JsonMapper.shared()
                        .readTree(Files.readString(run.resolve("provenance.json")))
                        .get("sessions");
        assertThat(old).hasSize(2);
        JsonNode first = old.get(0).get("program");
        assertThat(first.get("version").asString()).isEqualTo("0.1.0-SNAPSHOT");
        assertThat(first.get("git_commit").asString()).isEqualTo(COMMIT);
        JsonNode second = old.get(1).get("program");
        assertThat("cleave " + second.get("version").asString()).isEqualTo(ok("--version").strip());
        Provenance.Program here = Provenance.Program.of("any", Path.of("."));
        if (here.gitCommit() != null) { // a checkout, and git to ask
            assertThat(second.get("git_commit").asString()).isEqualTo(here.gitCommit());
        }
        assertThat(old)
                .allSatisfy(session -> {
                    assertThat(session.get("machine").get("kernels").asString()).isNotEmpty();
                    assertThat(session.get("ended").asString()).isNotEmpty();
                });
    }

    private static Path exportedTarget() {
        return OLD.resolve("exported/target/gpt2");
    }

    private Path copyOf(String run) throws IOException {
        return TinyRun.copy(OLD.resolve(run), temporary.resolve("run"));
    }

    private static String ok(String... arguments) {
        Result result = TinyRun.cleave(arguments);
        assertThat(result.exitCode()).as(result.err()).isZero();
        return result.out();
    }

    /// Compares what a command prints with what the old version printed.
    private static void compare(String golden, String... command) {
        String[] withJson =
                Stream.concat(Stream.of(command), Stream.of("--json")).toArray(String[]::new);
        compare(
                golden,
                json(OLD.resolve("golden").resolve(golden)),
                JsonMapper.shared().readTree(ok(withJson)),
                Set.of());
    }

    private static void compareLines(Path expected, Path actual, String file, Set<String> skipped)
            throws IOException {
        if (!Files.exists(expected.resolve(file))) {
            assertThat(actual.resolve(file)).doesNotExist();
            return;
        }
        List<JsonNode> golden = TinyRun.lines(expected.resolve(file));
        List<JsonNode> lines = TinyRun.lines(actual.resolve(file));
        assertThat(lines).as(file).hasSameSizeAs(golden);
        for (int i = 0; i < golden.size(); i++) {
            compare(file + " line " + (i + 1), golden.get(i), lines.get(i), skipped);
        }
    }

    /// Everything that was there must be there, and the same; more may be.
    private static void compare(
            String where, JsonNode expected, JsonNode actual, Set<String> skipped) {
        if (expected.isObject()) {
            for (Map.Entry<String, JsonNode> entry : expected.properties()) {
                if (!skipped.contains(entry.getKey())) {
                    assertThat(actual.has(entry.getKey()))
                            .as(where + "." + entry.getKey())
                            .isTrue();
                    compare(
                            where + "." + entry.getKey(),
                            entry.getValue(),
                            actual.get(entry.getKey()),
                            skipped);
                }
            }
        } else if (expected.isArray()) {
            assertThat(actual.size()).as(where).isEqualTo(expected.size());
            for (int i = 0; i < expected.size(); i++) {
                compare(where + "[" + i + "]", expected.get(i), actual.get(i), skipped);
            }
        } else if (expected.isNumber()) {
            double golden = expected.asDouble();
            assertThat(Math.abs(actual.asDouble() - golden))
                    .as("%s must be %s, got %s", where, golden, actual)
                    .isLessThanOrEqualTo(RELATIVE * Math.abs(golden) + ABSOLUTE);
        } else {
            assertThat(actual).as(where).isEqualTo(expected);
        }
    }

    /// Compares each tensor as a whole: its distance from the expected one, relative to its length.
    private static void compareTensors(Path expected, Path actual) throws IOException {
        try (TensorMap golden = Safetensors.read(expected);
                TensorMap tensors = Safetensors.read(actual)) {
            assertThat(tensors.names()).containsAll(golden.names());
            for (String name : golden.names()) {
                double[] want = numbers(golden.get(name));
                double[] got = numbers(tensors.get(name));
                assertThat(got).as(name).hasSameSizeAs(want);
                double distance = 0;
                double length = 0;
                for (int i = 0; i < want.length; i++) {
                    distance += (got[i] - want[i]) * (got[i] - want[i]);
                    length += want[i] * want[i];
                }
                assertThat(Math.sqrt(distance))
                        .as(name)
                        .isLessThanOrEqualTo(RELATIVE * Math.sqrt(length) + ABSOLUTE);
            }
        }
    }

    private static double[] numbers(Tensor tensor) {
        return Scopes.run(() -> Tensors.toDoubles(tensor.to(Type.DOUBLE)));
    }

    private static JsonNode json(Path file) {
        return JsonMapper.shared().readTree(file);
    }
}
