package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.run.LoadedRun;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// A run whose dead subcomponents are merged: a few steps without use are enough, and they are gone
/// within steps.
class CompactionRunTest {
    private static final String[] SET = {
        "--set", "steps=16",
        "--set", "compaction={idle_steps: 2, every: 2}",
        "--set", "streams[0].losses[2].coefficient=0.3",
        "--set", "optimizer.learning_rate=0.005",
        "--set", "cadence.checkpoint=9",
    };

    @TempDir private static Path shared;
    private static TinyRun tiny;
    private static Path whole;
    private static List<JsonNode> receipts;

    @TempDir private Path temporary;

    @BeforeAll
    static void decompose() throws IOException {
        tiny = TinyRun.in(shared);
        whole = tiny.run("whole");
        Result result = tiny.decompose(whole, SET);
        assertThat(result.exitCode()).as(result.err()).isZero();
        receipts = TinyRun.lines(whole.resolve("compactions.jsonl"));
    }

    @Test
    void everyMergingHasAReceiptAndALine() throws IOException {
        assertThat(receipts).hasSizeGreaterThan(1);
        int[] left = {4, 4};
        for (JsonNode receipt : receipts) {
            assertThat(receipt.get("step").asInt() % 2).isZero();
            for (int site = 0; site < 2; site++) {
                JsonNode counts = receipt.get("sites").get(site == 0 ? "Q0" : "V1");
                left[site] -= counts.get("merged").asInt();
                assertThat(counts.get("left").asInt()).isEqualTo(left[site]).isPositive();
            }
            assertThat(receipt.get("sequences").asInt()).isEqualTo(64);
            assertThat(receipt.get("tolerance").asDouble()).isEqualTo(1e-5);
            assertThat(receipt.get("g_masked_difference").isNumber()).isTrue();
            assertThat(receipt.get("stochastic_reconstruction").get("after").isNumber()).isTrue();
            assertThat(receipt.get("bytes").get("after").asDouble())
                    .isLessThan(receipt.get("bytes").get("before").asDouble());
        }
        assertThat(whole.resolve("log.txt"))
                .content()
                .contains(
                        "INFO step %d: merged".formatted(receipts.getFirst().get("step").asInt()));
        String page = Files.readString(Path.of("docs/reference/run-folder.md"));
        assertThat(receipts.getFirst().propertyNames())
                .allSatisfy(key -> assertThat(page).contains("| `" + key + "` |"));
    }

    @Test
    void filesKeepTheOriginalNumbering() throws IOException {
        try (TensorMap saved = Safetensors.read(TinyRun.decomposition(whole))) {
            Tensor U = saved.get("Q0.U");
            assertThat(U.shape()).containsExactly(4, 8);
            List<Long> alive =
                    Arrays.stream(Tensors.toLongs(saved.get("Q0.alive"))).boxed().toList();
            assertThat(alive)
                    .hasSize(receipts.getLast().get("sites").get("Q0").get("left").asInt());
            for (long c = 0; c < 4; c++) {
                long row = c;
                boolean zero = Scopes.run(() -> Tensors.number(U.select(0, row).abs().sum()) == 0);
                assertThat(zero).as("row %d", c).isEqualTo(!alive.contains(c));
            }
            assertThat(saved.get("Q0.remainder").shape()).containsExactly(8, 8);
        }
    }

    @Test
    void aRunCutOffAfterAMergingResumesToTheSameBytes() throws IOException {
        Path run = TinyRun.withoutCheckpoint(whole, 16, temporary.resolve("copy"));
        // One merging lies before the checkpoint, one after it is done again.
        assertThat(receipts.getFirst().get("step").asInt()).isLessThanOrEqualTo(9);
        assertThat(receipts.getLast().get("step").asInt()).isGreaterThan(9);

        Result result =
                tiny.decompose(
                        run,
                        Stream.concat(Stream.of("--resume"), Stream.of(SET))
                                .toArray(String[]::new));

        assertThat(result.exitCode()).as(result.err()).isZero();
        for (String file :
                List.of(
                        "checkpoints/16/decomposition.safetensors",
                        "checkpoints/16/training.safetensors",
                        "compactions.jsonl")) {
            assertThat(run.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
        }
    }

    @Test
    void anotherRunStartsFromItWithWhatIsLeft() throws IOException {
        Path run = temporary.resolve("from");
        Result result = tiny.decompose(run, "--from", whole.toString(), "--set", "steps=1");

        assertThat(result.exitCode()).as(result.err()).isZero();
        try (TensorMap ours = Safetensors.read(TinyRun.decomposition(run));
                TensorMap theirs = Safetensors.read(TinyRun.decomposition(whole))) {
            for (String name : List.of("Q0.remainder", "V1.remainder")) {
                assertThat(Tensors.toFloats(ours.get(name)))
                        .containsExactly(Tensors.toFloats(theirs.get(name)));
            }
        }
        assertThat(run.resolve("compactions.jsonl")).doesNotExist();
    }

    @Test
    void aCensusReadsItInTheOriginalNumbering() {
        Result result = TinyRun.cleave("census", whole.toString(), "--sequences", "16", "--json");

        assertThat(result.exitCode()).as(result.err()).isZero();
        try (LoadedRun run = LoadedRun.open(whole)) {
            assertThat(run.decomposition().sites())
                    .allSatisfy(site -> assertThat(site.count()).isEqualTo(4));
            assertThat(run.decomposition().remainders()).containsOnlyKeys("Q0", "V1");
        }
    }

    @Test
    void wrongSettingsAreRefusedByName() {
        Result result =
                tiny.decompose(
                        temporary.resolve("wrong"),
                        "--set",
                        "compaction={idle_steps: 0, every: 0, spare: -1, often: 1}");

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err())
                .contains(
                        "compaction.idle_steps must be >= 1, got 0",
                        "compaction.spare must be >= 0, got -1",
                        "compaction.every must be >= 1, got 0",
                        "compaction.often");
        Result leaking =
                tiny.decompose(
                        temporary.resolve("wrong"),
                        "--set",
                        "compaction={idle_steps: 1, every: 1}",
                        "--set",
                        "leak=plain");
        assertThat(leaking.exitCode()).isEqualTo(2);
        assertThat(leaking.err()).contains("compaction must be absent with leak plain");
        assertThat(temporary.resolve("wrong")).doesNotExist();
    }
}
