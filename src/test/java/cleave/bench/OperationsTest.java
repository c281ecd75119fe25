package cleave.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.run.PreparedRun;
import cleave.run.RunFile;
import cleave.testing.TinyRun;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Operations worked out by hand for the tiny run: width d = 8, 2 layers with output projections,
/// 10 tokens, B = 4 sequences of T = 12 (n = 48 positions), C = 4, gates of hidden width 2 and head
/// width 8.
///
/// A product of sizes m, k, n is m k n multiply-adds; below they are counted, and doubled at the
/// end. The numbers in brackets are how often a product is needed: forwards, for the left factor,
/// for the right one. What one query of one head reads is summed up element by element, and so is
/// no product.
class OperationsTest {
    @TempDir private Path folder;
    private TinyRun tiny;

    @BeforeEach
    void write() throws IOException {
        tiny = TinyRun.in(folder);
    }

    /// Q0 alone, gates and all, with one pass under g.
    ///
    /// - faithfulness: V U is 8 x 4 x 8 = 256 [3]: 768
    /// - clean pass: 8 maps of 48 x 8 x 8 = 3,072: 24,576; scores and mixing in two layers, 4 x 48
    ///   x 8 x 12 = 4 x 4,608 = 18,432; unembedding 4 x 8 x 10 = 320. Together 43,328
    /// - gates: queries and keys 48 x 8 x 8 = 3,072 [2] each: 12,288; values [3]: 9,216; scores
    ///   4,608 [3] and mixing 4,608 [3]: 27,648; hidden layer of what was seen beside the own
    ///   activation 48 x 16 x 8 = 6,144 [3]: 18,432. Together 67,584
    /// - masked pass, layer 0: V 48 x 8 x 4 = 1,536 [2] + U 48 x 4 x 8 = 1,536 [3]: 7,680; K0 and
    ///   V0 3,072 [1] each: 6,144; scores 4,608 [2] (of queries): 9,216; mixing 4,608 [2] (of the
    ///   pattern): 9,216; O0 3,072 [2]: 6,144. Together 38,400
    /// - layer 1, one query: Q1 4 x 8 x 8 = 256 [2]: 512; K1, V1 3,072 [2]: 12,288; O1 256 [2]:
    ///   512; unembedding 320 [2]: 640. Together 13,952
    @Test
    void oneSiteInTheFirstLayer() {
        long gates = 67_584;
        long masked = 38_400 + 13_952;
        assertThat(count("Q0", "all", "none")).isEqualTo(2.0 * (768 + 43_328 + gates + masked));
    }

    /// V1 alone starts at its own block, with a residual stream that wants no gradient: Q1 256 [1],
    /// K1 3,072 [1]; V 1,536 [2], U 1,536 [3]: 7,680; O1 256 [2]: 512; unembedding 320 [2]: 640.
    /// Together 12,160. With the weight delta the target's own map is needed too, 3,072 [1]: its
    /// input wants no gradient here, and W is frozen.
    @Test
    void oneSiteInTheLastLayerStartsThere() {
        double before = 768 + 43_328 + 67_584;
        assertThat(count("V1", "all", "none")).isEqualTo(2 * (before + 12_160));
        assertThat(count("V1", "all", "'on'")).isEqualTo(2 * (before + 12_160 + 3_072));
        // Under masks that are not stochastic a stochastic delta mask is 0.
        assertThat(count("V1", "all", "stochastic")).isEqualTo(2 * (before + 12_160));
    }

    /// Alone, each site has a pass of its own. Of the subsets of two sites a step draws one, and
    /// the count is the mean over eight steps.
    @Test
    void routingsDecideThePasses() {
        double both = count("{Q0,V1}", "all", "none") - REST;
        double alone = count("{Q0,V1}", "each_alone", "none") - REST;
        double subset = count("{Q0,V1}", "{kind: random_subset, drawn: per_batch}", "none") - REST;

        assertThat(alone).isEqualTo(Q0 + V1);
        assertThat(subset).isIn(meansOfEight(List.of(Q0, V1, both))).isNotIn(Q0, V1, both);
    }

    /// Q0 and V1 in one step: faithfulness of both, a clean pass, and the gates of both.
    private static final double REST = 2 * (2 * 768 + 43_328 + 2 * 67_584);

    private static final double Q0 = 2 * (38_400 + 13_952); // a pass with it alone
    private static final double V1 = 2 * 12_160;

    /// All means of eight of these numbers.
    private static List<Double> meansOfEight(List<Double> numbers) {
        SortedSet<Double> sums = new TreeSet<>(Set.of(0.0));
        for (int i = 0; i < 8; i++) {
            sums =
                    sums.stream()
                            .flatMap(sum -> numbers.stream().map(number -> sum + number))
                            .collect(Collectors.toCollection(TreeSet::new));
        }
        return sums.stream().map(sum -> sum / 8).toList();
    }

    /// Each site with probability 1/4, where a step may have none and then no pass. Drawn per
    /// position every site also computes its own map: Q0 on all positions and V1 on all, 3,072 [1]
    /// and 3,072 [2], since V1's input wants a gradient.
    @Test
    void independentSites() {
        double both = count("{Q0,V1}", "all", "none") - REST;
        String routing = "{kind: bernoulli, probability: 0.25, drawn: %s}";

        assertThat(count("{Q0,V1}", routing.formatted("per_batch"), "none") - REST)
                .isIn(meansOfEight(List.of(0.0, Q0, V1, both)));
        assertThat(count("{Q0,V1}", routing.formatted("per_position"), "none") - REST)
                .isEqualTo(both + 2 * (3_072 + 6_144));
    }

    @Test
    void drawsAreCountedEach() {
        double once = count("V1", "all", "none");
        double thrice = count("V1", "all", "none", "streams[0].losses[0].draws=3");
        assertThat(thrice - once).isEqualTo(2 * 2 * 12_160);
    }

    /// `vector_mlp`: 48 x 8 x 8 [2] = 6,144. `shared_mlp` of 3: 48 x 8 x 3 = 1,152 [2] and 48 x 3 x
    /// 4 = 576 [3]: 4,032. `mlp`: h = a V, 48 x 8 x 4 [2] = 3,072. `global_mlp` of 3 and 2: 1,152
    /// [2], 48 x 3 x 2 = 288 [3] and 48 x 2 x 4 = 384 [3]: 4,320.
    @Test
    void otherImportanceFunctions() {
        double rest = 2 * (768 + 43_328 + 12_160);
        assertThat(count("V1", "all", "none", "importance={kind: vector_mlp, hidden: 2}"))
                .isEqualTo(rest + 2 * 6_144);
        assertThat(count("V1", "all", "none", "importance={kind: shared_mlp, hidden: 3}"))
                .isEqualTo(rest + 2 * 4_032);
        assertThat(count("V1", "all", "none", "importance={kind: mlp, hidden: 2}"))
                .isEqualTo(rest + 2 * 3_072);
        assertThat(count("V1", "all", "none", "importance={kind: global_mlp, hidden: [3, 2]}"))
                .isEqualTo(rest + 2 * 4_320);
    }

    /// A GPT-2 of the same width, with 16 neurons, all T outputs and C = 4.
    ///
    /// - faithfulness of c_fc (8 to 16): 8 x 4 x 16 = 512 [3]: 1,536; gates as above
    /// - clean pass: a block has c_attn 48 x 8 x 24 = 9,216, scores and mixing 4,608 each, c_proj
    ///   3,072, c_fc and c_proj 6,144 each: 33,792; two, and the unembedding 48 x 8 x 10 = 3,840:
    ///   71,424
    /// - masked pass, block 0: c_attn, scores, mixing and c_proj [1] 21,504; V 48 x 8 x 4 = 1,536
    ///   [2], U 48 x 4 x 16 = 3,072 [3]: 12,288; c_proj 6,144 [2]: 12,288. Together 46,080
    /// - block 1: c_attn [2] 18,432; scores and mixing [3] 27,648; c_proj [2] 6,144; c_fc and
    ///   c_proj [2] 24,576; unembedding [2] 7,680. Together 84,480
    @Test
    void aGpt2sMlp() {
        double gates = 67_584;
        assertThat(gpt2("h.0.mlp.c_fc", "none"))
                .isEqualTo(2 * (1_536 + gates + 71_424 + 46_080 + 84_480));
    }

    /// What comes after the mixing is 6,144 + 24,576 + 7,680 = 38,400, as above.
    ///
    /// - c_attn whole (8 to 24): faithfulness 768 [3] 2,304; V 1,536 [2], U 48 x 4 x 24 = 4,608
    ///   [3]: 16,896; scores and mixing [3] 27,648. With the weight delta the whole map is needed
    ///   too, 9,216 [1], of an input without a gradient
    /// - its values alone: faithfulness 256 [3] 768; queries and keys [1] 6,144; V 1,536 [2], U
    ///   1,536 [3]: 7,680; scores [1] 4,608; mixing [2] 9,216
    @Test
    void aGpt2sAttentionWholeAndInPart() {
        double rest = 67_584 + 71_424 + 38_400;
        double whole = 2 * (2_304 + rest + 16_896 + 27_648);
        assertThat(gpt2("h.1.attn.c_attn", "none")).isEqualTo(whole);
        assertThat(gpt2("h.1.attn.c_attn", "'on'")).isEqualTo(whole + 2 * 9_216);
        assertThat(gpt2("h.1.attn.c_attn.v", "none"))
                .isEqualTo(2 * (768 + rest + 6_144 + 7_680 + 4_608 + 9_216));
    }

    /// The facts model, of width 128, 512 neurons and 806 tokens, at T = 20: with one output a
    /// sequence 4 positions leave the last block, in place of 4 times as many as the longest of the
    /// step's four sentences has; in the first eight steps from the middle of the run these are 99
    /// tokens together, so that on average 4 x (99 / 8 - 1) = 45.5 positions fewer leave it.
    ///
    /// - clean pass: unembedding 128 x 806 = 103,168
    /// - masked pass of the last c_proj: queries and the output of attention 128 x 128 each [1],
    ///   scores and mixing 128 x 20 each [1], c_fc 128 x 512 [1]: 103,424; V 512 x 4 [2], U 4 x 128
    ///   [3]: 5,632; unembedding [2]: 206,336
    @Test
    void aTextsOutputsDecideWhatTheLastBlockComputes() {
        assertThat(facts("all") - facts("last"))
                .isCloseTo(2 * 45.5 * (103_168.0 + 103_424 + 5_632 + 206_336), within(1.0));
    }

    private double facts(String losses) {
        return counted(
                "h.3.mlp.c_proj",
                "all",
                "none",
                "target=" + Path.of("models/facts-gpt2").toAbsolutePath(),
                "importance.positions=20",
                "streams[0].length=20",
                "streams[0].data={kind: facts, about: [forward], part: trained, losses: %s}"
                        .formatted(losses));
    }

    private double gpt2(String sites, String delta) {
        return count(sites, "all", delta, TinyGpt2.write(folder).getFirst());
    }

    private double count(String sites, String routing, String delta, String... more) {
        return counted(sites, routing, delta, more);
    }

    private double counted(String sites, String routing, String delta, String... more) {
        List<String> settings = new ArrayList<>();
        settings.add("sites=[{pattern: \"%s\", subcomponents: 4}]".formatted(sites));
        settings.add("importance.hidden=2");
        settings.add("streams[0].weight_delta=" + delta);
        settings.add(
                "streams[0].losses=[{kind: reconstruction, coefficient: 1.0, masks: importance, routing: %s, draws: 1}, {kind: usage, coefficient: 0.01, exponent: 0.5, offset: 1.0e-5}]"
                        .formatted(routing));
        settings.addAll(List.of(more));
        RunFile file = RunFile.read(tiny.config(), settings);
        try (PreparedRun run = PreparedRun.of(file)) {
            return Footprint.operations(run);
        }
    }
}
