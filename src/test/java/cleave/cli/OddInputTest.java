package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What users of such tools ran into, on a run of an induction transformer of width 8.
class OddInputTest {
    @TempDir private Path folder;
    private TinyRun tiny;
    private Path run;

    @BeforeEach
    void writeTarget() throws IOException {
        tiny = TinyRun.in(folder);
        run = tiny.run("run");
    }

    @Test
    void aResumedRunKnowsTheSettingsThatItBeganWith() throws IOException {
        begin("--set", "steps=10", "--seed=3", "--set=cadence.checkpoint=4");
        Path end = Files.copy(TinyRun.decomposition(run), folder.resolve("end"));

        TinyRun.loseNewestCheckpoint(run);
        assertThat(json(tiny.decompose(run, "--resume", "--json")).get("resumed_at").asInt())
                .isEqualTo(8);
        assertThat(TinyRun.decomposition(run)).hasSameBinaryContentAs(end);

        TinyRun.loseNewestCheckpoint(run);
        Result alone = TinyRun.cleave("decompose", "--resume", "--run", run.toString());
        assertThat(alone.exitCode()).as(alone.err()).isZero();
        assertThat(TinyRun.decomposition(run)).hasSameBinaryContentAs(end);

        // The same is no contradiction, another value is.
        assertThat(tiny.decompose(run, "--resume", "--set", "steps=10").exitCode()).isZero();
        Result other = tiny.decompose(run, "--resume", "--set", "steps=12", "--seed", "3");
        assertThat(other.exitCode()).isEqualTo(2);
        assertThat(other.err()).contains("  steps: 10 -> 12").doesNotContain("seed", "cadence");
        Result unknown = TinyRun.cleave("decompose", "--resume");
        assertThat(unknown.exitCode()).isEqualTo(2);
        assertThat(unknown.err()).contains("Missing required parameter: 'CONFIG'");
    }

    @Test
    void whatWasUsedInThePlaceOfADamagedCheckpointIsInTheJson() throws IOException {
        begin("--set", "steps=10");
        TinyRun.flipLastBit(run.resolve("checkpoints/10/decomposition.safetensors"));

        JsonNode census =
                json(TinyRun.cleave("census", run.toString(), "--sequences", "4", "--json"));
        assertThat(census.get("warnings").get(0).asString())
                .startsWith("checkpoint 10 is damaged, trying the one before: ");
        JsonNode resumed = json(tiny.decompose(run, "--resume", "--json"));
        assertThat(resumed.get("resumed_at").asInt()).isEqualTo(5);
        assertThat(resumed.get("warnings").get(0).asString())
                .startsWith("checkpoint 10 is damaged");
        // It is whole again.
        assertThat(json(tiny.decompose(run, "--resume", "--json")).has("warnings")).isFalse();
    }

    @Test
    void tablesAreCsvOnRequest() throws IOException {
        begin("--set", "steps=1");
        Result csv = TinyRun.cleave("census", run.toString(), "--sequences", "4", "--csv");
        assertThat(csv.exitCode()).as(csv.err()).isZero();
        String[] tables = csv.out().split("\n\n", -1);
        assertThat(tables).hasSize(3);
        assertThat(tables[0]).startsWith("site,");
        assertThat(tables[2].lines().filter(line -> line.startsWith("importances g,")))
                .singleElement()
                .asString()
                .matches("importances g,[^,]+,[^,]+");
        assertThat(csv.err()).contains("Reconstruction, KL from the target");
        // The next command shows its tables as usual.
        Result text = TinyRun.cleave("census", run.toString(), "--sequences", "4");
        assertThat(text.out()).contains("Reconstruction, KL from the target");
    }

    @Test
    void aRunWithinAnotherIsRefused() throws IOException {
        begin("--set", "steps=1");
        for (String inner : List.of("inner", "checkpoints/inner", "data/a/b")) {
            Path within = run.resolve(inner);
            refused(
                    tiny.decompose(within),
                    "run directory must lie outside of every run, got %s within the run %s"
                            .formatted(within, run));
            assertThat(within).doesNotExist();
        }
        refused(
                TinyRun.cleave("export", run.toString(), "--out", run.resolve("out").toString()),
                "must lie outside of every run");
    }

    @Test
    void aReportThatHasNoPlaceIsRefusedBeforeItIsMade() throws IOException {
        begin("--set", "steps=1");
        // A folder in its place can be written no more than a disk that is only read.
        Files.createDirectory(run.resolve("report.html"));
        Result result = TinyRun.cleave("report", run.toString(), "--sequences", "0");
        // The number of sequences would be refused next.
        refused(result, "report must go to a file that can be written, got " + run);
        assertThat(result.err()).contains("it is a folder", "hint: --out FILE writes it elsewhere");
        refused(
                TinyRun.cleave(
                        "report",
                        run.toString(),
                        "--out",
                        folder.resolve("no/such/page.html").toString()),
                "page.html could not be written: its folder does not exist");

        Path page = folder.resolve("page.html");
        Result elsewhere =
                TinyRun.cleave(
                        "report",
                        run.toString(),
                        "--sequences",
                        "4",
                        "--out",
                        page.toString(),
                        "--json");
        assertThat(json(elsewhere).get("report").asString()).isEqualTo(page.toString());
        assertThat(page).content().startsWith("<!");
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("model", "run", "tiny.yaml", "page.html");
        }
    }

    @Test
    void aRunOfAnotherVersionNamesBoth() throws IOException {
        begin("--set", "steps=1");
        Path provenance = run.resolve("provenance.json");
        String written = Files.readString(provenance);
        Files.writeString(
                provenance,
                written.replaceFirst("\"version\" : \"[^\"]*\"", "\"version\" : \"9.8.7\"")
                        .replaceFirst("\"git_commit\" : \"[^\"]*\",", ""));
        Path config = run.resolve("config.yaml");
        Files.writeString(config, Files.readString(config) + "novelty: 3\n");
        List<Result> results =
                List.of(
                        TinyRun.cleave("census", run.toString()),
                        TinyRun.cleave("report", run.toString()),
                        TinyRun.cleave("decompose", "--resume", "--run", run.toString()),
                        tiny.decompose(run, "--resume"));
        for (Result result : results) {
            refused(result, "novelty is not a known key");
            assertThat(result.err())
                    .contains("hint: the run was written by cleave 9.8.7, this is cleave ");
        }

        Files.writeString(provenance, "{\"runs\": []}");
        refused(
                TinyRun.cleave("census", run.toString()),
                "the run was written by a cleave of unknown version, this is cleave ");
    }

    @Test
    void moreSequencesThanCanBeCountedAreRefusedByEveryCommandThatTakesThem() throws IOException {
        begin("--set", "steps=1");
        // The tiny run has sequences of 12: 2,147,483,647 / 12 = 178,956,970.6.
        for (String command : List.of("census", "verdict", "report", "circuit")) {
            refused(
                    TinyRun.cleave(command, run.toString(), "--sequences", "2147483647"),
                    "sequences must be <= 178956970 with 12 positions each, got 2147483647");
        }
        refused(
                TinyRun.cleave(
                        "circuit",
                        tiny.model().toString(),
                        "--necessity",
                        "--sequences",
                        "2147483647"),
                "sequences must be <= ");
        refused(
                TinyRun.cleave(
                        "sweep",
                        tiny.config().toString(),
                        "--seeds",
                        "0",
                        "--sequences",
                        "2147483647",
                        "--out",
                        folder.resolve("sweep").toString()),
                "sequences must be <= 178956970 with 12 positions each");
        assertThat(folder.resolve("sweep")).doesNotExist();
        refused(
                TinyRun.cleave(
                        "circuit", tiny.model().toString(), "--necessity", "--steps", "2147483647"),
                "steps must be <= 715827882, got 2147483647");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "streams[0].batch=2147483647 | streams[0].batch must be <= 178956970 with sequences of 12, got 2147483647",
                "sites[0].subcomponents=2147483647 | memory of the machine must be >= ",
                "importance.hidden=2147483647 | memory of the machine must be >= ",
                "streams[0].length=2147483647 | streams[0].length must be <= importance.positions",
                "steps=9223372036854775808 | steps must be a whole number from",
                "seed=99999999999999999999 | seed must be a whole number from",
                "machine.workers=2147483647 | machine.workers must be >= 1 and <= 256",
            })
    void aNumberThatNoMachineHoldsIsRefusedBeforeAnythingIsAllocated(String setting, String said) {
        refused(tiny.decompose(run, "--set", setting), said);
        assertThat(run).doesNotExist();
        assertThat(tiny.decompose(run, "--set", setting, "--plan").exitCode()).isEqualTo(2);
    }

    @Test
    void aBatchOfMoreThanTheMemoryIsRefusedWithWhatItTakes() {
        // 170 million rows of 12 positions, each a token and a label of 8 bytes: 30.4 GiB, and as
        // slices of one batch 12 * 8 subcomponents * 4 bytes * 2 for each row.
        Result result =
                tiny.decompose(
                        run,
                        "--set",
                        "streams[0].batch=170000000",
                        "--set",
                        "machine.slice=170000000");
        refused(result, "memory of the machine must be >= ");
        assertThat(result.err())
                .contains("a batch: 31128 MiB", "importances and masks of a slice: 124512 MiB");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "batch=2147483647",
                "model.width=2147483646",
                "model.layers=2147483647",
                "model.vocabulary=2147483647"
            })
    void aTargetThatNoMachineHoldsIsRefused(String setting) {
        Path out = folder.resolve("trained");
        Result result =
                TinyRun.cleave(
                        "train",
                        "configs/targets/induction-fixed-after.yaml",
                        "--out",
                        out.toString(),
                        "--set",
                        setting);
        refused(
                result,
                setting.startsWith("batch") ? "batch must be <= " : "memory of the machine");
        assertThat(out).doesNotExist();
    }

    @Test
    void aModelOfValuesNamesTheCommandsThatItHas() {
        Result made =
                TinyRun.cleave(
                        "decompose",
                        "configs/toys/tms-5-2.yaml",
                        "--run",
                        run.toString(),
                        "--set",
                        "steps=1",
                        "--set",
                        "streams[0].batch=4");
        assertThat(made.exitCode()).as(made.err()).isZero();
        Path out = folder.resolve("out");
        for (List<String> command :
                List.of(
                        List.of("census"),
                        List.of("verdict"),
                        List.of("harvest"),
                        List.of("suppress", "--subcomponents", "linear1:0", "--tokens", "1"),
                        List.of("edit", "--suppress", "linear1:0", "--out", out.toString()),
                        List.of("concept", "--prompt", "a", "--answer", "b"))) {
            String[] all =
                    Stream.concat(
                                    Stream.of(command.getFirst(), run.toString()),
                                    command.stream().skip(1))
                            .toArray(String[]::new);
            Result result = TinyRun.cleave(all);
            refused(result, "hint: such a run has `cleave export RUN`, and `cleave report RUN`");
            assertThat(out).doesNotExist();
        }
        assertThat(TinyRun.cleave("report", run.toString()).exitCode()).isZero();
        assertThat(TinyRun.cleave("export", run.toString(), "--out", out.toString()).exitCode())
                .isZero();
    }

    @ParameterizedTest(name = "{1}")
    @CsvSource(
            delimiter = '|',
            value = {
                "version https://git-lfs.github.com/spec/v1~oid sha256:4d7a~size 538090408~"
                        + "| got the pointer of Git LFS to it, which stands for 538090408 bytes"
                        + "| `git lfs pull`",
                "  <!DOCTYPE html><html><head></head></html> | got a web page | /resolve/",
                "<html>404</html> | got a web page | /resolve/",
                "Entry not found | got text that begins with \"Entry not found\" | download it again",
            })
    void whatIsNoFileOfWeightsSaysWhatItIs(String text, String said, String hint)
            throws IOException {
        Path weights = tiny.model().resolve("model.safetensors");
        Files.writeString(weights, text.replace('~', '\n'));
        Result result = tiny.decompose(run);
        refused(result, said);
        assertThat(result.err()).contains(hint, weights.toString());
    }

    @Test
    void aConfigurationThatIsAPointerSaysSo() throws IOException {
        Files.writeString(
                tiny.model().resolve("config.json"),
                "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 700\n");
        Files.delete(tiny.model().resolve("config.yaml"));
        refused(
                tiny.decompose(run),
                "model's config.json must be the file itself, got the pointer of Git LFS");
    }

    private void begin(String... options) {
        Result result = tiny.decompose(run, options);
        assertThat(result.exitCode()).as(result.err()).isZero();
    }

    private static JsonNode json(Result result) {
        assertThat(result.exitCode()).as(result.err()).isZero();
        return JsonMapper.shared().readTree(result.out());
    }

    private static void refused(Result result, String said) {
        assertThat(result.exitCode()).as(result.err()).isEqualTo(2);
        assertThat(result.out()).isEmpty();
        assertThat(result.err()).contains(said).doesNotContain("\tat ", "Exception", "Error");
        assertThat(Arrays.asList(result.err().split("\n", -1))).hasSizeBetween(2, 9);
    }
}
