package cleave.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import cleave.engine.Engines;
import cleave.run.CheckpointRoom;
import cleave.run.PreparedRun;
import cleave.run.RunFile;
import cleave.tensor.Device;
import cleave.testing.TinyRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PlanTest {
    @TempDir private Path folder;
    private TinyRun tiny;

    @BeforeEach
    void write() throws IOException {
        tiny = TinyRun.in(folder);
    }

    static Stream<List<String>> sizes() {
        return Stream.of(
                List.of("steps=12"),
                List.of(
                        "steps=12",
                        "sites=[{pattern: \"*\", subcomponents: 400}]",
                        "importance.hidden=16",
                        "streams[0].batch=64",
                        "machine.slice=32",
                        "machine.workers=2"));
    }

    @ParameterizedTest
    @MethodSource("sizes")
    void predictedMemoryIsWithinThirtyPerCentOfTheMeasuredPeak(List<String> settings) {
        Plan plan = Plan.of(tiny.config(), settings, folder.resolve("run"), 0, _ -> {});

        assertThat(plan.problems()).isEmpty();
        Plan.Memory memory = plan.memory();
        System.out.printf("plan: %s%n", memory);
        Double measured = memory.measuredMib();
        assumeTrue(measured != null, "the system does not tell a peak");
        assertThat(memory.predictedMib()).isCloseTo(measured, within(0.3 * measured));
    }

    /// With B = 4 in slices of 3 and one worker, b = 4 bytes, T = 12 and C = 4 at two sites:
    ///
    /// - importances' gradients 4 x 8, the larger of two passes, that under drawn masks, (3 + 5) x
    ///   8: 96 numbers a position, for 3 x 12 positions 4 x 36 x 96 = 13,824 bytes
    /// - the gates of a site keep K numbers a position; usage couples the batch, so that all 48
    ///   positions are kept: 1.25 x 4 x 48 x 2 K = 480 K
    /// - the weight delta of both sites and its gradient, for the pass under drawn masks: 2 x 128
    ///   numbers, 1,024 bytes
    /// - 30 steps draw 8 numbers at 48 positions: 4 x 30 x 8 x 48 = 46,080 bytes of Java's heap;
    ///   parameters are drawn outside it
    /// - the target has 8 matrices of 8 x 8, an embedding and an unembedding of 10 x 8: 672 numbers
    @Test
    void slicesGatesAndDrawsAreThoseWorkedOutByHand() {
        RunFile file = RunFile.read(tiny.config(), List.of());
        try (PreparedRun run = PreparedRun.of(file)) {
            MemoryEstimate estimate = MemoryEstimate.of(file, run);
            long K =
                    file.importance()
                            .kept(
                                    Engines.of(run.model().target().type(), Device.CPU),
                                    List.of(run.sites().getFirst().gated()),
                                    12);
            assertThat(estimate.slices()).isEqualTo(13_824 + 1_024);
            assertThat(estimate.gates()).isEqualTo(480 * K);
            assertThat(estimate.heap()).isLessThanOrEqualTo(46_080);
            assertThat(estimate.target()).isEqualTo(672 * 4);
            assertThat(estimate.parameters()).isEqualTo((5 + 1) * 5_344 * 4);
        }
    }

    @Test
    void everyTermThatCouplesTheBatchKeepsAllItsGates() throws IOException {
        String losses =
                "streams[0].losses=[{kind: reconstruction, coefficient: 1.0, masks: importance, routing: all, draws: 1}%s]";
        long alone = gates(losses.formatted(""));
        for (String coupled :
                List.of(
                        ", {kind: used_alone, coefficient: 1.0}",
                        ", {kind: unused_effect, coefficient: 1.0}",
                        ", {kind: usage, coefficient: 1.0, exponent: 0.3, offset: 1.0e-5}")) {
            assertThat(gates(losses.formatted(coupled))).isEqualTo(alone / 3 * 4); // B = 4, not 3
        }
    }

    private long gates(String losses) {
        RunFile file = RunFile.read(tiny.config(), List.of(losses));
        try (PreparedRun run = PreparedRun.of(file)) {
            return MemoryEstimate.of(file, run).gates();
        }
    }

    /// A GPT-2 of two blocks with d = 8, 16 neurons, two heads and 10 tokens, of which one c_fc (8
    /// x 16) and one c_attn (8 x 24) are taken apart, D = 320; for the rest as above.
    ///
    /// - weights: 80 + 96 embeddings, a block 32 + 216 + 72 + 144 + 136 = 600, the last norm 16:
    ///   1,392
    /// - the clean pass: a block has maps 2 x (24 + 16 + 16), 48 for norms, mixing and sums, 16
    ///   neurons and 4 x 2 x 12 numbers of patterns: 272; two blocks and 3 x 10 outputs: 574
    /// - a pass under masks: 5 x 56 + 48 + 16 + 96 = 440 a block, 6 x 10 outputs: 940
    /// - with the 96 numbers of above 1,610 for each of 36 positions, and 2 D: 4 x (57,960 + 640)
    /// - the same where both passes are under drawn masks: one is freed before the other is made
    @Test
    void aGpt2sPassesWeightsAndDeltasAreThoseWorkedOutByHand() {
        List<String> settings = TinyGpt2.write(folder);
        assertThat(gpt2(settings).target()).isEqualTo(1_392 * 4);
        assertThat(gpt2(settings).slices()).isEqualTo(4 * (57_960 + 640));
        assertThat(gpt2(settings, "streams[0].losses[1].masks=stochastic").slices())
                .isEqualTo(4 * (57_960 + 640));
        assertThat(gpt2(settings, "streams[0].weight_delta=none").slices()).isEqualTo(4 * 57_960);
    }

    private MemoryEstimate gpt2(List<String> settings, String... more) {
        List<String> all = new ArrayList<>(settings);
        all.addAll(List.of(more));
        RunFile file = RunFile.read(tiny.config(), all);
        try (PreparedRun run = PreparedRun.of(file)) {
            return MemoryEstimate.of(file, run);
        }
    }

    /// U and V of a site are 2 x 8 x 4; queries, keys and values 3 x 8 x 8; positions 12 + 12 x 8;
    /// the MLPs 16 x 128 + 128 + 4 x 32 + 4: 2,672 numbers, 5,344 at two sites.
    @Test
    void aCheckpointIsAsLargeAsSaid() throws IOException {
        RunFile file = RunFile.read(tiny.config(), List.of("steps=1"));
        Path run = tiny.run("run");
        assertThat(tiny.decompose(run, "--set", "steps=1").exitCode()).isZero();
        double actual = 0;
        for (String name :
                List.of("decomposition.safetensors", "training.safetensors", "checksums.json")) {
            actual += Files.size(TinyRun.newest(run, name));
        }
        try (PreparedRun prepared = PreparedRun.of(file)) {
            assertThat(file.parameters(prepared.sites())).isEqualTo(5_344);
            assertThat(CheckpointRoom.of(file, prepared.sites(), run).checkpoint())
                    .isBetween(actual, 1.1 * actual);
        }
    }

    @Test
    void whatTheMachineLacksIsAProblemAndNothingIsTried() {
        Plan plan =
                Plan.of(
                        tiny.config(),
                        List.of("sites[0].subcomponents=2000000000"),
                        folder.resolve("a/b"),
                        0,
                        text -> {
                            throw new AssertionError(text);
                        });

        assertThat(plan.time()).isNull();
        assertThat(plan.problems()).hasSize(2);
        assertThat(plan.problems().getFirst()).startsWith("free disk must be >= ");
        assertThat(plan.problems().getLast()).startsWith("memory of the machine must be >= ");
        assertThat(plan.disk().folder()).isEqualTo(folder.toString());
        assertThat(Arrays.asList(folder.toFile().list()))
                .containsExactlyInAnyOrder("model", "tiny.yaml");
    }
}
