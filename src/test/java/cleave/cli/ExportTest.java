package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.run.LoadedRun;
import cleave.tensor.Safetensors;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Two runs of 16 steps, of which one merges its dead subcomponents, and their exports.
class ExportTest {
    private static final String[] MERGING = {
        "--set", "steps=16",
        "--set", "compaction={idle_steps: 2, every: 2}",
        "--set", "streams[0].losses[2].coefficient=0.3",
        "--set", "optimizer.learning_rate=0.005",
    };

    @TempDir private static Path shared;
    private static TinyRun tiny;

    @TempDir private Path temporary;

    @BeforeAll
    static void decompose() throws IOException {
        tiny = TinyRun.in(shared);
        ok(tiny.decompose(tiny.run("merged"), MERGING));
        ok(tiny.decompose(tiny.run("whole"), "--set", "steps=16"));
        for (String run : List.of("merged", "whole")) {
            ok(TinyRun.cleave("export", path(run), "--out", path(run + "-out")));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"merged", "whole"})
    void aCensusFindsTheSame(String run) throws IOException {
        Files.move(shared.resolve("model"), shared.resolve("moved")); // it needs nothing outside
        try {
            assertThat(census(run + "-out")).isEqualTo(census(run));
        } finally {
            Files.move(shared.resolve("moved"), shared.resolve("model"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"merged", "whole"})
    void everyNumberIsTheSameWhenRead(String run) {
        try (LoadedRun original = LoadedRun.open(Path.of(path(run)));
                LoadedRun exported = LoadedRun.open(Path.of(path(run + "-out")))) {
            assertThat(exported.kept()).isEqualTo(original.kept());
            assertThat(exported.decomposition().remainders().keySet())
                    .isEqualTo(original.decomposition().remainders().keySet());
            original.decomposition()
                    .tensors()
                    .forEach((name, tensor) ->
                            assertThat(Tensors.toFloats(tensors(exported, name)))
                                    .as(name)
                                    .containsExactly(Tensors.toFloats(tensor)));
        }
    }

    @Test
    void theFileHoldsTheLivingOnly() throws IOException {
        try (TensorMap saved =
                Safetensors.read(TinyRun.decomposition(Path.of(path("merged-out"))))) {
            for (String site : List.of("Q0", "V1")) {
                long living = saved.get(site + ".alive").shape()[0];
                assertThat(living).isBetween(1L, 3L);
                assertThat(saved.get(site + ".V").shape()).containsExactly(8, living);
                assertThat(saved.get(site + ".U").shape()).containsExactly(living, 8);
                assertThat(saved.get(site + ".gate.output_bias").shape()).containsExactly(living);
            }
        }
        assertThat(Path.of(path("merged-out"), "checkpoints", "16", "training.safetensors"))
                .doesNotExist();
    }

    @Test
    void itNamesNoFolderOfThisMachine() throws IOException {
        for (Path file : files(Path.of(path("merged-out")))) {
            if (!file.toString().endsWith(".safetensors") && !file.endsWith("provenance.json")) {
                String own = Files.readString(file).replaceAll("(?s)Made by.*", "");
                assertThat(own).as(file.toString()).doesNotContain(shared.toString());
            }
        }
        assertThat(Path.of(path("merged-out"), "config.yaml"))
                .content()
                .startsWith("target: target/model\n");
    }

    @Test
    void theCardCountsWhatIsLeft() throws IOException {
        try (LoadedRun run = LoadedRun.open(Path.of(path("merged")))) {
            assertThat(Path.of(path("merged-out"), "README.md"))
                    .content()
                    .contains(
                            "step 16 of 16: %d of 8 subcomponents left, the others merged"
                                    .formatted(run.kept().living()));
        }
    }

    @Test
    void itsReportNamesTheTarget() throws IOException {
        Path copy = temporary.resolve("copy");
        ok(TinyRun.cleave("export", path("merged-out"), "--out", copy.toString()));
        ok(TinyRun.cleave("report", copy.toString(), "--sequences", "16"));

        assertThat(copy.resolve("report.html"))
                .content()
                .contains("<title>Decomposition of model</title>");
    }

    @Test
    void aSiteOfAnotherSizeIsRefused() {
        Path from = temporary.resolve("from");
        Result result =
                tiny.decompose(
                        from, "--from", path("merged-out"), "--set", "sites[1].subcomponents=5");

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err())
                .contains("got differences", "  subcomponents.V1: 5 here, 4 there")
                .doesNotContain("Q0");
        assertThat(from).doesNotExist();
    }

    @Test
    void whatWasWrittenAfterTheCheckpointIsLeftOut() throws IOException {
        Path run = TinyRun.copy(Path.of(path("merged")), temporary.resolve("run"));
        for (String log : List.of("metrics.jsonl", "compactions.jsonl")) {
            String last = Files.readAllLines(run.resolve(log)).getLast();
            Files.writeString(
                    run.resolve(log),
                    last.replaceFirst("\"step\":[0-9]+", "\"step\":17") + "\n",
                    StandardOpenOption.APPEND);
        }
        Path out = temporary.resolve("out");
        ok(TinyRun.cleave("export", run.toString(), "--out", out.toString()));

        for (String log : List.of("metrics.jsonl", "compactions.jsonl")) {
            assertThat(out.resolve(log))
                    .hasSameTextualContentAs(Path.of(path("merged")).resolve(log));
        }
    }

    @Test
    void anExportThatWasKilledCanBeMadeAgain() throws IOException {
        Path out = temporary.resolve("out");
        ok(TinyRun.cleave("export", path("merged"), "--out", out.toString()));
        Files.delete(out.resolve("config.yaml")); // written last
        Files.move(out.resolve("README.md"), out.resolve(".README.md.tmp"));

        ok(TinyRun.cleave("export", path("merged"), "--out", out.toString()));

        assertThat(out.resolve("README.md"))
                .hasSameTextualContentAs(Path.of(path("merged-out"), "README.md"));
    }

    @Test
    void aTrainedRunThatLostItsConfigurationIsNotTakenForAKilledExport() throws IOException {
        Path run = TinyRun.copy(Path.of(path("merged")), temporary.resolve("run"));
        Files.delete(run.resolve("config.yaml"));
        List<Path> before = files(run);

        Result result = TinyRun.cleave("export", path("whole"), "--out", run.toString());

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err()).contains("run directory must be new or empty");
        assertThat(files(run)).isEqualTo(before);
    }

    @Test
    void aRunIsNotWrittenOver() throws IOException {
        List<Path> before = files(Path.of(path("whole")));
        Result result = TinyRun.cleave("export", path("merged"), "--out", path("whole"));

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err())
                .contains("export must go to a new or empty folder, got an existing run");
        assertThat(files(Path.of(path("whole")))).isEqualTo(before);
    }

    @Test
    void itCannotBeResumedAndStaysAsItWas() throws IOException {
        Path exported = Path.of(path("merged-out"));
        List<Path> before = files(exported);

        Result result = tiny.decompose(exported, with(MERGING, "--resume"));

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err())
                .contains(
                        "a resumed run must hold what training needs to go on, got an exported run")
                .contains("hint: --from " + exported + " starts a new run from it");
        assertThat(files(exported)).isEqualTo(before);
    }

    @Test
    void anotherRunStartsFromItAsFromTheRun() {
        Path one = temporary.resolve("one");
        Path other = temporary.resolve("other");
        ok(tiny.decompose(one, "--from", path("merged"), "--set", "steps=2"));
        ok(tiny.decompose(other, "--from", path("merged-out"), "--set", "steps=2"));

        assertThat(other.resolve("checkpoints/2/decomposition.safetensors"))
                .hasSameBinaryContentAs(one.resolve("checkpoints/2/decomposition.safetensors"));
    }

    @Test
    void theSameConfigurationMakesTheRunAgain() {
        Path again = temporary.resolve("again");
        ok(
                TinyRun.cleave(
                        "decompose",
                        path("merged-out") + "/config.yaml",
                        "--run",
                        again.toString()));

        assertThat(again.resolve("checkpoints/16/decomposition.safetensors"))
                .hasSameBinaryContentAs(
                        Path.of(path("merged"), "checkpoints/16/decomposition.safetensors"));
    }

    @Test
    void anExportOfAnExportIsTheSame() throws IOException {
        Path twice = temporary.resolve("twice");
        ok(TinyRun.cleave("export", path("merged-out"), "--out", twice.toString()));

        Path once = Path.of(path("merged-out"));
        assertThat(files(twice)).hasSameSizeAs(files(once));
        for (Path file : files(once)) {
            assertThat(twice.resolve(once.relativize(file))).hasSameBinaryContentAs(file);
        }
    }

    @Test
    void aFolderInUseIsRefused() throws IOException {
        Path used = Files.createDirectory(temporary.resolve("used"));
        Files.writeString(used.resolve("notes.txt"), "mine");

        Result result = TinyRun.cleave("export", path("whole"), "--out", used.toString());

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err())
                .contains("run directory must be new or empty, got a folder of 1 entries");
        assertThat(files(used)).hasSize(1);
    }

    @Test
    void aDamagedExportIsRefused() throws IOException {
        Path copy = temporary.resolve("copy");
        ok(TinyRun.cleave("export", path("whole"), "--out", copy.toString()));
        Path file = TinyRun.decomposition(copy);
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 1] ^= 1;
        Files.write(file, bytes);

        Result result = TinyRun.cleave("census", copy.toString());

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err()).contains("must have sha-256");
    }

    private static Tensor tensors(LoadedRun run, String name) {
        return Tensors.named(name, run.decomposition().tensors());
    }

    private static String census(String run) {
        return ok(TinyRun.cleave("census", path(run), "--sequences", "16", "--json")).out();
    }

    private static String path(String run) {
        return tiny.run(run).toString();
    }

    private static String[] with(String[] options, String last) {
        return Stream.concat(Stream.of(options), Stream.of(last)).toArray(String[]::new);
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile).sorted(Comparator.naturalOrder()).toList();
        }
    }

    private static Result ok(Result result) {
        assertThat(result.exitCode()).as(result.err()).isZero();
        return result;
    }
}
