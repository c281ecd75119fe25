package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cleave.analysis.Importances;
import cleave.harvest.Harvest;
import cleave.harvest.HarvestFolder;
import cleave.model.Clean;
import cleave.model.Task;
import cleave.run.LoadedRun;
import cleave.tensor.Draws;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.testing.BriefChildren;
import cleave.testing.TinyRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// `cleave harvest` on a small run: however the pass is cut, the folder is the same.
@ExtendWith(BriefChildren.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class HarvestTest {
    private static final List<String> FILES =
            List.of("harvest.json", "pieces.jsonl", "examples.jsonl", "sums.safetensors");
    private static final String TOKENS = "9000"; // 750 rows of 12, 12 slices

    @TempDir private static Path folder;
    private Path run;
    private Path whole;

    @BeforeAll
    void decomposeAndHarvest() throws IOException {
        TinyRun tiny = TinyRun.in(folder);
        run = tiny.run("run");
        assertThat(tiny.decomposeWithSomeOn(run).exitCode()).isZero();
        whole = folder.resolve("whole");
        harvest(whole, "--workers", "1");
    }

    private void harvest(Path out, String... options) {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "harvest",
                                run.toString(),
                                "--tokens",
                                TOKENS,
                                "--threshold",
                                "0.3",
                                "--out",
                                out.toString()));
        arguments.addAll(List.of(options));
        TinyRun.Result result = TinyRun.cleave(arguments.toArray(String[]::new));
        assertThat(result.exitCode()).as(result.err()).isZero();
    }

    private void requireSame(Path other) throws IOException {
        for (String file : FILES) {
            assertThat(Files.readAllBytes(other.resolve(file)))
                    .as(file)
                    .isEqualTo(Files.readAllBytes(whole.resolve(file)));
        }
    }

    @Test
    void twoWorkersGiveTheBytesOfOne() throws IOException {
        Path two = folder.resolve("two");
        harvest(two, "--workers", "2");
        requireSame(two);
    }

    @Test
    void mergedPartsGiveTheBytesOfOnePass() throws IOException {
        Path first = folder.resolve("first");
        Path second = folder.resolve("second");
        harvest(first, "--part", "1/2");
        harvest(second, "--part", "2/2");
        Path merged = folder.resolve("merged");
        TinyRun.Result result =
                TinyRun.cleave(
                        "harvest",
                        run.toString(),
                        "--merge",
                        second + "," + first,
                        "--out",
                        merged.toString());
        assertThat(result.exitCode()).as(result.err()).isZero();
        requireSame(merged);
        TinyRun.Result half =
                TinyRun.cleave(
                        "harvest",
                        run.toString(),
                        "--merge",
                        first.toString(),
                        "--out",
                        folder.resolve("half").toString());
        assertThat(half.exitCode()).isEqualTo(2);
        assertThat(half.err()).contains("parts must be all 2, got 1");
    }

    @Test
    void threeRanksGiveTheBytesOfOnePass() throws IOException {
        Path ranks = folder.resolve("ranks");
        harvest(ranks, "--ranks", "3", "--workers", "1");
        requireSame(ranks);
        assertThat(ranks.resolve("parts")).doesNotExist();
        harvest(ranks, "--ranks", "3", "--resume"); // it is whole
        TinyRun.Result part =
                TinyRun.cleave(
                        "harvest",
                        run.toString(),
                        "--out",
                        folder.resolve("part").toString(),
                        "--ranks",
                        "2",
                        "--part",
                        "1/2");
        assertThat(part.exitCode()).isEqualTo(2);
        assertThat(part.err()).contains("--part must be absent where 2 ranks take a part each");
    }

    @Test
    void aStoppedHarvestGoesOnToTheBytesOfOnePass() throws IOException {
        Path stopped = folder.resolve("stopped");
        AtomicInteger slices = new AtomicInteger();
        Harvest.Settings options =
                new Harvest.Settings(
                        List.of(),
                        Long.parseLong(TOKENS),
                        Optional.empty(),
                        0.3,
                        12,
                        1,
                        1,
                        1,
                        Duration.ZERO);
        try (LoadedRun loaded = LoadedRun.open(run)) {
            assertThatThrownBy(() ->
                            Harvest.run(
                                    loaded,
                                    options,
                                    stopped,
                                    false,
                                    _ -> {
                                        if (slices.incrementAndGet() == 7) {
                                            throw new IllegalStateException("stopped here");
                                        }
                                    }))
                    .hasMessage("stopped here");
        }
        assertThat(stopped.resolve("harvest.json")).doesNotExist();
        TinyRun.Result again =
                TinyRun.cleave(
                        "harvest",
                        run.toString(),
                        "--tokens",
                        TOKENS,
                        "--threshold",
                        "0.3",
                        "--out",
                        stopped.toString());
        assertThat(again.exitCode()).isEqualTo(2);
        assertThat(again.err()).contains("--resume goes on");
        harvest(stopped, "--resume");
        requireSame(stopped);
    }

    @Test
    void aHarvestDoesNotGoOnWithOtherSettings() {
        TinyRun.Result other =
                TinyRun.cleave("harvest", run.toString(), "--resume", "--out", whole.toString());
        assertThat(other.exitCode()).isEqualTo(2);
        assertThat(other.err()).contains("must have the settings it began with");
    }

    /// Against a plain loop over the same rows in one batch.
    @Test
    void densitiesAndMeansAreThoseOfTheImportances() throws IOException {
        List<JsonNode> pieces = TinyRun.lines(whole.resolve("pieces.jsonl"));
        assertThat(pieces).hasSize(8);
        try (LoadedRun loaded = LoadedRun.open(run)) {
            Scopes.run(() -> {
                Task.Examples examples =
                        loaded.task().examples(0, Draws.Purpose.EVALUATION, 0, 750);
                Clean clean = loaded.model().target().clean(examples.batch());
                List<Tensor> lower =
                        Importances.of(loaded.decomposition(), clean, examples.batch());
                for (JsonNode piece : pieces) {
                    int site = piece.path("site").stringValue().equals("Q0") ? 0 : 1;
                    double[] g =
                            Tensors.toDoubles(
                                    lower.get(site).select(2, piece.path("index").asInt()));
                    long active = Arrays.stream(g).filter(each -> each > 0.3).count();
                    assertThat(piece.path("active").asLong()).isEqualTo(active);
                    assertThat(piece.path("mean_importance").asDouble())
                            .isCloseTo(Arrays.stream(g).average().orElseThrow(), within(1e-4));
                }
            });
        }
        HarvestFolder.Index index = HarvestFolder.open(whole);
        assertThat(index.positions()).isEqualTo(9000);
        assertThat(index.rows()).isEqualTo(750);
        assertThat(index.text()).isFalse();
    }

    @Test
    void countsAreReadableAsPlainTensors() {
        Safetensors.Header header = Safetensors.header(whole.resolve("sums.safetensors"));
        assertThat(header.tensors().keySet())
                .contains("active", "importance_histogram", "inner_histogram", "together");
        assertThat(header.tensors())
                .hasEntrySatisfying(
                        "importance_histogram",
                        entry -> assertThat(entry.shape()).containsExactly(8L, 101L));
    }

    /// As of a run that can only be read.
    @Test
    void aHarvestElsewhereLeavesTheRunAsItWas() throws IOException {
        Map<String, FileTime> before = times();
        harvest(folder.resolve("elsewhere"));
        assertThat(times()).isEqualTo(before);
    }

    private Map<String, FileTime> times() throws IOException {
        Map<String, FileTime> times = new TreeMap<>();
        try (Stream<Path> files = Files.walk(run)) {
            for (Path file : files.toList()) {
                times.put(file.toString(), Files.getLastModifiedTime(file));
            }
        }
        return times;
    }

    @Test
    void whatCannotBeHarvestedIsSaid() {
        assertThat(refusal("--tokens", "0")).contains("--tokens must be in 1..");
        assertThat(refusal("--part", "3/2")).contains("--part must be in I/N");
        assertThat(refusal("--part", "x")).contains("--part must be I/N, got x");
        assertThat(refusal("--threshold", "1")).contains("--threshold must be in 0..1");
        assertThat(refusal("--length", "3")).contains("--length must come with --text");
        assertThat(refusal("--text", folder.resolve("none").toString()))
                .contains("text must be files");
        assertThat(refusal("--text", run.resolve("config.yaml").toString()))
                .contains("--text must come with a target that has a tokenizer");
    }

    private String refusal(String... options) {
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "harvest",
                                run.toString(),
                                "--out",
                                folder.resolve("refused").toString()));
        arguments.addAll(List.of(options));
        TinyRun.Result result = TinyRun.cleave(arguments.toArray(String[]::new));
        assertThat(result.exitCode()).as(result.err()).isEqualTo(2);
        return result.err();
    }
}
