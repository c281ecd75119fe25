package cleave.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import cleave.run.CheckpointRoom;
import cleave.run.PreparedRun;
import cleave.run.RunFile;
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
    void predictedMemoryIsWithinAQuarterOfTheMeasuredPeak(List<String> settings) {
        Plan plan = Plan.of(tiny.config(), settings, folder.resolve("run"), 0, _ -> {});

        assertThat(plan.problems()).isEmpty();
        Plan.Memory memory = plan.memory();
        System.out.printf("plan: %s%n", memory);
        Double measured = memory.measuredMib();
        assumeTrue(measured != null, "the system does not tell a peak");
        assertThat(memory.predictedMib()).isCloseTo(measured, within(0.25 * measured));
    }

    /// The target has 8 matrices of 8 x 8, an embedding and an unembedding of 10 x 8: 672 numbers;
    /// parameters have values, two moments and one worker's gradients.
    @Test
    void whatIsThereWithoutAStepIsWorkedOutByHand() {
        RunFile file = RunFile.read(tiny.config(), List.of());
        try (PreparedRun run = PreparedRun.of(file)) {
            Footprint rest = Footprint.atRest(file, run);
            assertThat(rest.target()).isEqualTo(672 * 4);
            assertThat(rest.parameters()).isEqualTo((3 + 1) * 5_344 * 4);
            assertThat(rest.operations()).isNull();
            Footprint all = Footprint.of(file, run);
            // float32 keeps no copies; the first pass makes the causal table of 12 x 12 numbers.
            assertThat(all.target()).isEqualTo(rest.target() + 12 * 12 * 4);
            assertThat(all.parameters()).isEqualTo(rest.parameters());
            assertThat(all.slices()).isPositive();
            assertThat(all.operations()).isPositive();
        }
    }

    /// 5,344 gradients; 3 sizes of the batch; 8 numbers of what is used, 5 losses and 2 sums; of
    /// each of the 2 terms that couple and each rank 8 summaries and whether there are any; and
    /// whether to go on.
    @Test
    void whatRanksExchangeIsWorkedOutByHand() {
        RunFile file = RunFile.read(tiny.config(), List.of());
        try (PreparedRun run = PreparedRun.of(file)) {
            assertThat(Footprint.of(file, run, 1).exchanged()).isZero();
            assertThat(Footprint.of(file, run, 3).exchanged())
                    .isEqualTo(5_344 * 4 + (3 + 8 + 5 + 2 + 2 * 3 * (8 + 1) + 1) * 8);
        }
    }

    /// Of four ranks each has one of four sequences, and so has half of a slice of two.
    @Test
    void aRankOfSeveralHasItsShareOfTheSlices() {
        RunFile file = RunFile.read(tiny.config(), List.of("faithfulness.coefficient=0"));
        try (PreparedRun run = PreparedRun.of(file)) {
            Footprint one = Footprint.of(file, run, 1);
            Footprint four = Footprint.of(file, run, 4);
            assertThat(four.slices()).isBetween(one.slices() / 3, one.slices() - 1);
            assertThat(four.gates()).isEqualTo(one.gates() / 4); // a batch that couples keeps all
            assertThat(four.parameters()).isEqualTo(one.parameters());
        }
    }

    /// A slice has two of four sequences. Two workers have two slices at work, and so as many bytes
    /// again; a batch of eight in slices of two has no more at work, and two of its slices'
    /// sequences are half of one of four.
    @Test
    void slicesGrowWithTheirSequencesAndWithTheWorkersNotWithTheBatch() {
        long two = footprint("faithfulness.coefficient=0").slices();
        assertThat(footprint("faithfulness.coefficient=0", "machine.workers=2").slices())
                .isEqualTo(2 * two);
        assertThat(
                        footprint(
                                        "faithfulness.coefficient=0",
                                        "streams[0].batch=8",
                                        "machine.slice=2")
                                .slices())
                .isEqualTo(two);
        assertThat(
                        (double)
                                footprint(
                                                "faithfulness.coefficient=0",
                                                "streams[0].batch=64",
                                                "machine.slice=64")
                                        .slices())
                .isBetween(16.0 * two, 33.0 * two);
    }

    private Footprint footprint(String... settings) {
        RunFile file = RunFile.read(tiny.config(), List.of(settings));
        try (PreparedRun run = PreparedRun.of(file)) {
            return Footprint.of(file, run);
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
            assertThat(gates(losses.formatted(coupled)))
                    .isEqualTo(2 * alone); // B = 4 in place of a slice's 2
        }
    }

    private long gates(String losses) {
        return footprint(losses).gates();
    }

    /// A GPT-2 of two blocks with d = 8, 16 neurons, two heads and 10 tokens: embeddings 80 + 96, a
    /// block 32 + 216 + 72 + 144 + 136 = 600, the last norm 16, together 1,392 numbers. In bfloat16
    /// rounded copies of half the bytes are kept of the maps and of the head, (2 x (192 + 64 + 128
    /// + 128) + 80) x 2 = 2,208, and while a step lasts of the parameters that large products read.
    @Test
    void weightsOfAnotherTypeCountBesideTheTargets() {
        List<String> settings = TinyGpt2.write(folder);
        long causal = 12 * 12 * 4; // the table of 12 x 12 numbers that the first pass makes
        assertThat(footprint(settings.toArray(String[]::new)).target())
                .isEqualTo(1_392 * 4 + causal);
        List<String> bfloat16 = new ArrayList<>(settings);
        bfloat16.add("machine.precision=bfloat16");
        assertThat(footprint(bfloat16.toArray(String[]::new)).target())
                .isBetween(1_392 * 4 + 2_208L + causal, 1_392 * 4 + 2_208 + causal + 2 * 5_344L);
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
