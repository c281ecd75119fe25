package cleave.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.InductionTask;
import cleave.model.InductionTransformer;
import cleave.model.Site;
import cleave.model.Target;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class CensusTest {
    /// Rounding of float32 over a few hundred operations.
    private static final double ROUNDING = 1e-5;

    private static final InductionTask INDUCTION =
            new InductionTask("induction", 6, Handmade.LENGTH, true);

    private static final List<Integer> KEPT = List.of(1, 2, 5);

    private static Census.Settings options(double threshold, int sequences, int sliceRows) {
        return new Census.Settings(threshold, sequences, sliceRows, WeightDelta.NONE);
    }

    private static void with(Handmade made, Consumer<Handmade> test) {
        try (made) {
            test.accept(made);
        }
    }

    private static SiteCensus site(Census census, String name) {
        return Objects.requireNonNull(census.sites().get(name));
    }

    @Test
    void defaultsAreThePapersThresholdAndTwoThousandSequences() {
        assertThat(Census.Settings.DEFAULT).isEqualTo(options(0.5, 2048, 64));
        assertThat(Census.THRESHOLDS).containsExactly(0.1, 0.5, 0.9);
        assertThat(Census.FLOORS).containsExactly(0.0, 0.001, 0.01);
    }

    @Test
    void countsActiveSubcomponentsAtEachMark() {
        Scopes.run(() ->
                with(
                        new Handmade(),
                        made -> {
                            // Two pieces of V0 fire at s, so at s1 and s2; one of Q0 at every
                            // position; one
                            // of K0 at BOS, which no mark is.
                            made.fires("V0", 0, 7, 1).fires("V0", 3, 7, 0.8).always("Q0", 2, 0.6);
                            made.fires("K0", 1, 0, 1);
                            Census census =
                                    Census.of(
                                            made.decomposition(), INDUCTION, options(0.5, 50, 16));
                            assertThat(site(census, "V0").active())
                                    .isEqualTo(
                                            Map.of("s1", 2.0, "m", 0.0, "s2", 2.0, "random", 0.0));
                            assertThat(site(census, "V0").active().keySet())
                                    .containsExactly("s1", "m", "s2", "random");
                            assertThat(site(census, "Q0").active().values()).containsOnly(1.0);
                            assertThat(site(census, "K0").active().values()).containsOnly(0.0);
                            assertThat(site(census, "K0").unique()).isEqualTo(1);
                            assertThat(site(census, "V1").unique()).isZero();
                            assertThat(census.sample().sequences()).isEqualTo(50);
                            assertThat(census.sample().positions()).isEqualTo(50 * 8);
                            assertThat(census.sample().lossPositions()).isEqualTo(50);
                        }));
    }

    @Test
    void countsUniqueSubcomponentsByThresholdAndFloor() {
        // Token 1 in 1 of 2,000 sequences (0.05 %), 2 in 2 (0.1 %), 3 in 19 (0.95 %), 4 in 20 (1
        // %), 5 in the other 1,958.
        long[][] tokens = new long[2000][];
        for (int row = 0; row < tokens.length; row++) {
            long token = row < 1 ? 1 : row < 3 ? 2 : row < 22 ? 3 : row < 42 ? 4 : 5;
            tokens[row] = new long[] {0, token, 0};
        }
        Scopes.run(() ->
                with(
                        new Handmade(),
                        made -> {
                            for (int c = 0; c < 5; c++) {
                                made.fires("V0", c, c + 1, 1);
                            }
                            made.fires("V0", 5, 5, 0.3).fires("V0", 6, 5, 0.7);
                            Census census =
                                    Census.of(
                                            made.decomposition(),
                                            new GivenTask(tokens, new long[2000]),
                                            options(0.5, 2000, 300));
                            SiteCensus site = site(census, "V0");
                            assertThat(site.uniqueAt())
                                    .isEqualTo(
                                            Map.of(
                                                    "0.1", Map.of("0", 7, "0.001", 6, "0.01", 4),
                                                    "0.5", Map.of("0", 6, "0.001", 5, "0.01", 3),
                                                    "0.9", Map.of("0", 5, "0.001", 4, "0.01", 2)));
                            assertThat(site.unique()).isEqualTo(5);
                            assertThat(site.count()).isEqualTo(Handmade.C);
                            assertThat(site.subcomponents())
                                    .extracting(SiteCensus.Active::index)
                                    .containsExactly(0, 1, 2, 3, 4, 6);
                            SiteCensus.Active partly = site.subcomponents().getLast();
                            assertThat(partly.sequences()).isEqualTo(1958);
                            assertThat(partly.frequency()).isEqualTo(1958 / 2000.0);
                            assertThat(partly.meanImportance()).isCloseTo(0.7, within(ROUNDING));
                            assertThat(partly.norm())
                                    .isCloseTo(norm(made, "V0", 6), within(ROUNDING));
                            assertThat(census.used(0.01))
                                    .extracting(SubcomponentId::toString)
                                    .containsExactly("V0:3", "V0:4", "V0:6");
                            assertThat(census.positionFree().kept()).isEqualTo(5);
                            assertThat(census.positionFree().withoutFloor().kept()).isEqualTo(6);
                        }));
    }

    /// `|V_c| = 1`, so the norm is that of column c of W.
    private static double norm(Handmade made, String site, int column) {
        double[] W = Tensors.toDoubles(made.target().weight(made.target().site(site)));
        double square = 0;
        for (int out = 0; out < Handmade.TOKENS; out++) {
            square += W[out * Handmade.TOKENS + column] * W[out * Handmade.TOKENS + column];
        }
        return Math.sqrt(square);
    }

    @Test
    void tellsDecidedImportancesFromUndecidedOnesAndHowDenseEachSubcomponentIs() {
        // Six valid positions: tokens 0, 1, 2, 1 and 1, 3. Padding stands as token 7.
        long[][] tokens = {{0, 1, 2, 1}, {1, 3, GivenTask.PADDING, GivenTask.PADDING}};
        Scopes.run(() ->
                with(
                        new Handmade(),
                        made -> {
                            made.fires("V0", 0, 1, 1).fires("V0", 4, 7, 1);
                            made.fires("V0", 1, 2, 0.4).fires("V0", 2, 3, 0.05);
                            made.fires("V0", 3, 0, 0.005);
                            SiteCensus site =
                                    site(
                                            Census.of(
                                                    made.decomposition(),
                                                    new GivenTask(tokens, new long[2]),
                                                    options(0.5, 2, 1)),
                                            "V0");
                            // Above 0.01: three of 1, one of 0.4, one of 0.05; of these 0.4.
                            assertThat(site.values()).isEqualTo(new SiteCensus.Values(5, 1));
                            assertThat(site.subcomponents())
                                    .extracting(
                                            SiteCensus.Active::index, SiteCensus.Active::density)
                                    .containsExactly(tuple(0, 3 / 6.0));
                        }));
    }

    @Test
    void addsTheOwnThresholdToTheTable() {
        Scopes.run(() ->
                with(
                        new Handmade().always("Q1", 0, 0.3),
                        made -> {
                            Census census =
                                    Census.of(
                                            made.decomposition(), INDUCTION, options(0.25, 3, 64));
                            assertThat(site(census, "Q1").uniqueAt().keySet())
                                    .containsExactly("0.1", "0.25", "0.5", "0.9");
                            assertThat(site(census, "Q1").unique()).isEqualTo(1);
                        }));
    }

    @Test
    void allSubcomponentsOnAreTheTarget() {
        Scopes.run(() ->
                with(
                        new Handmade().allOn(),
                        made -> {
                            Census census =
                                    Census.of(made.decomposition(), INDUCTION, options(0.5, 20, 8));
                            Census.CensusLosses losses = census.losses();
                            assertThat(losses.faithfulness()).isZero();
                            assertThat(
                                            List.of(
                                                    losses.importanceReconstruction(),
                                                    losses.roundedReconstruction(),
                                                    losses.stochasticReconstruction(),
                                                    losses.stochasticReconstructionLayerwise(),
                                                    losses.stochasticReconstructionPartial(),
                                                    losses.onesReconstruction(),
                                                    census.positionFree().kl()))
                                    .allSatisfy(
                                            kl -> assertThat(kl).isCloseTo(0, within(ROUNDING)));
                            assertThat(census.attention()).hasSize(2);
                            assertThat(census.attention())
                                    .allSatisfy(layer ->
                                            assertThat(layer.importance())
                                                    .isCloseTo(0, within(ROUNDING)));
                            assertThat(census.accuracy()).isEqualTo(census.accuracies().target());
                            assertThat(census.accuracies().ones())
                                    .isEqualTo(census.accuracies().target());
                            assertThat(census.positionFree().kept()).isEqualTo(6 * Handmade.C);
                        }));
    }

    /// A gate at -100 is an importance of -1 to training with the plain leak: a mask that takes the
    /// subcomponent away twice. To a census it is off, as it says.
    @Test
    void whatThePlainLeakLeavesBelowZeroIsOff() {
        Scopes.run(() ->
                with(
                        new Handmade().allOn(),
                        made -> {
                            for (Site site : made.target().sites()) {
                                for (int c = 0; c < Handmade.C; c++) {
                                    if (!KEPT.contains(c)) {
                                        made.always(site.name(), c, -100);
                                    }
                                }
                            }
                            Census plain =
                                    Census.of(
                                            made.decomposition(Leak.PLAIN),
                                            INDUCTION,
                                            options(0.5, 20, 8));
                            Census gated =
                                    Census.of(
                                            made.decomposition(Leak.SIGN_GATED),
                                            INDUCTION,
                                            options(0.5, 20, 8));
                            assertThat(plain.losses().importanceReconstruction())
                                    .isEqualTo(plain.losses().roundedReconstruction())
                                    .isGreaterThan(0.01);
                            assertThat(plain.losses()).isEqualTo(gated.losses());
                            assertThat(plain.accuracies()).isEqualTo(gated.accuracies());
                        }));
    }

    /// Keeping some subcomponents of the handmade decomposition keeps those columns of every
    /// matrix.
    @Test
    void positionFreeIsTheTargetWithTheOtherColumnsZero() {
        Scopes.run(() ->
                with(
                        new Handmade(),
                        made -> {
                            for (Site site : made.target().sites()) {
                                for (int c : KEPT) {
                                    made.always(site.name(), c, 0.6);
                                }
                            }
                            Census census =
                                    Census.of(made.decomposition(), INDUCTION, options(0.5, 20, 8));
                            double expected =
                                    meanKl(made.target(), onlyColumns(made.target(), KEPT));
                            assertThat(expected).isGreaterThan(0.01);
                            assertThat(census.positionFree().kept()).isEqualTo(6 * KEPT.size());
                            assertThat(census.positionFree().kl())
                                    .isCloseTo(expected, withinPercentage(0.01));
                            assertThat(census.losses().roundedReconstruction())
                                    .isCloseTo(expected, withinPercentage(0.01));
                        }));
    }

    private static InductionTransformer onlyColumns(Target target, List<Integer> kept) {
        SortedMap<String, Tensor> weights = new TreeMap<>(target.weights());
        for (Site site : target.sites()) {
            double[] W = Tensors.toDoubles(target.weight(site)); // [8, 8]
            for (int i = 0; i < W.length; i++) {
                W[i] = kept.contains(i % Handmade.TOKENS) ? W[i] : 0;
            }
            weights.put(
                    site.stored().tensor(),
                    Tensors.of(W, Type.FLOAT, Handmade.TOKENS, Handmade.TOKENS));
        }
        return new InductionTransformer(((InductionTransformer) target).shape(), weights, () -> {});
    }

    /// By plain arithmetic on the logits of 20 evaluation sequences.
    private static double meanKl(Target target, InductionTransformer other) {
        try (other) {
            Batch batch = INDUCTION.examples(0, Draws.Purpose.EVALUATION, 0, 20).batch();
            double[] p = Tensors.toDoubles(target.clean(batch).outputs());
            double[] q = Tensors.toDoubles(other.clean(batch).outputs());
            double sum = 0;
            for (int row = 0; row < 20; row++) {
                int from = row * Handmade.TOKENS;
                double[] ofTarget = logProbabilities(p, from);
                double[] ofOther = logProbabilities(q, from);
                for (int token = 0; token < Handmade.TOKENS; token++) {
                    sum += Math.exp(ofTarget[token]) * (ofTarget[token] - ofOther[token]);
                }
            }
            return sum / 20;
        }
    }

    private static double[] logProbabilities(double[] logits, int from) {
        double total = 0;
        for (int token = 0; token < Handmade.TOKENS; token++) {
            total += Math.exp(logits[from + token]);
        }
        double[] result = new double[Handmade.TOKENS];
        for (int token = 0; token < Handmade.TOKENS; token++) {
            result[token] = logits[from + token] - Math.log(total);
        }
        return result;
    }

    @Test
    void accuracyIsTheShareOfRightAnswers() {
        // Without matrices the answer is the token whose unembedding is nearest to that of the last
        // token; labels are that answer in three rows of four.
        Scopes.run(() ->
                with(
                        Handmade.empty(),
                        made -> {
                            long[][] tokens = {{0, 1}, {0, 2}, {0, 3}, {0, 4}};
                            long[] answers = new long[4];
                            double[] unembedding =
                                    Tensors.toDoubles(
                                            Tensors.named("unembedding", made.target().weights()));
                            for (int row = 0; row < 4; row++) {
                                for (int token = 1; token < Handmade.TOKENS; token++) {
                                    int axis = (int) tokens[row][1];
                                    if (unembedding[token * 8 + axis]
                                            > unembedding[(int) answers[row] * 8 + axis]) {
                                        answers[row] = token;
                                    }
                                }
                            }
                            answers[2] = (answers[2] + 1) % 8;
                            Census census =
                                    Census.of(
                                            made.decomposition(),
                                            new GivenTask(tokens, answers),
                                            options(0.5, 4, 3));
                            assertThat(census.accuracy()).isEqualTo(0.75);
                            assertThat(census.accuracies())
                                    .usingRecursiveComparison()
                                    .withEqualsForType(
                                            (a, b) -> Math.abs(a - b) < 1e-12, Double.class)
                                    .isEqualTo(
                                            new Census.Accuracies(
                                                    0.75, 0.75, 0.75, 0.75, 0.75, 0.75, 0.75));
                            assertThat(census.positionFree().accuracy()).isEqualTo(0.75);
                        }));
    }

    @Test
    void attentionDivergenceIsThatOfTheComputedQueries() {
        // All masks 0 and no position code: masked attention is even. Layer 0: queries 0 (KL 0), 1
        // and 2; layer 1: the last query alone. KL = sum p log(p n).
        Scopes.run(() ->
                with(
                        new Handmade(),
                        made -> {
                            GivenTask task = new GivenTask(new long[][] {{0, 3, 7}}, new long[1]);
                            Census census =
                                    Census.of(made.decomposition(), task, options(0.5, 1, 1));
                            var clean =
                                    made.target()
                                            .clean(
                                                    task.examples(0, Draws.Purpose.EVALUATION, 0, 1)
                                                            .batch());
                            double[] first = Tensors.toDoubles(clean.attention().get(0));
                            double[] second = Tensors.toDoubles(clean.attention().get(1));
                            assertThat(census.attention().get(0).importance())
                                    .isCloseTo(
                                            (fromEven(first, 1) + fromEven(first, 2)) / 3,
                                            within(ROUNDING));
                            assertThat(census.attention().get(0).queries()).isEqualTo(3);
                            assertThat(census.attention().get(1).importance())
                                    .isCloseTo(fromEven(second, 2), within(ROUNDING));
                            assertThat(census.attention().get(1).queries()).isEqualTo(1);
                        }));
    }

    private static double fromEven(double[] pattern, int query) {
        double kl = 0;
        for (int key = 0; key <= query; key++) {
            double p = pattern[query * 3 + key];
            kl += p * Math.log(p * (query + 1));
        }
        return kl;
    }

    @Test
    void paddingEntersNothing() {
        // The padded position holds s, at which a piece of V0 would fire.
        Scopes.run(() ->
                with(
                        new Handmade().fires("V0", 0, 7, 1).always("K0", 1, 0.7),
                        made -> {
                            Census padded =
                                    Census.of(
                                            made.decomposition(),
                                            new GivenTask(
                                                    new long[][] {
                                                        {0, 1, 2, GivenTask.PADDING},
                                                        {0, 3, 4, GivenTask.PADDING}
                                                    },
                                                    new long[] {1, 2}),
                                            options(0.5, 2, 2));
                            Census plain =
                                    Census.of(
                                            made.decomposition(),
                                            new GivenTask(
                                                    new long[][] {{0, 1, 2}, {0, 3, 4}},
                                                    new long[] {1, 2}),
                                            options(0.5, 2, 2));
                            assertThat(padded.sample().positions()).isEqualTo(6);
                            assertThat(padded.sample().marks())
                                    .isEqualTo(Map.of("first", 2L, "last", 0L));
                            assertThat(site(padded, "V0").subcomponents()).isEmpty();
                            assertThat(site(padded, "K0").active().get("first")).isEqualTo(1);
                            assertThat(site(padded, "K0").uniqueAt())
                                    .isEqualTo(site(plain, "K0").uniqueAt());
                            assertThat(padded.losses())
                                    .usingRecursiveComparison()
                                    .withComparatorForType(
                                            (a, b) -> Math.abs(a - b) < ROUNDING ? 0 : 1,
                                            Double.class)
                                    .isEqualTo(plain.losses());
                            assertThat(padded.attention())
                                    .usingRecursiveComparison()
                                    .withComparatorForType(
                                            (a, b) -> Math.abs(a - b) < ROUNDING ? 0 : 1,
                                            Double.class)
                                    .isEqualTo(plain.attention());
                        }));
    }

    @Test
    void slicesChangeNoCount() {
        Scopes.run(() ->
                with(
                        new Handmade().fires("V0", 0, 7, 1).fires("V0", 1, 3, 0.7),
                        made -> {
                            Census whole =
                                    Census.of(
                                            made.decomposition(), INDUCTION, options(0.5, 23, 23));
                            Census sliced =
                                    Census.of(made.decomposition(), INDUCTION, options(0.5, 23, 5));
                            assertThat(sliced.sample()).isEqualTo(whole.sample());
                            assertThat(site(sliced, "V0").uniqueAt())
                                    .isEqualTo(site(whole, "V0").uniqueAt());
                            assertThat(site(sliced, "V0").active())
                                    .isEqualTo(site(whole, "V0").active());
                            assertThat(sliced.losses().importanceReconstruction())
                                    .isCloseTo(
                                            whole.losses().importanceReconstruction(),
                                            within(ROUNDING));
                        }));
    }

    @Test
    void refusesBadOptions() {
        assertThatThrownBy(() -> options(1.5, 10, 10))
                .hasMessage("threshold must be in 0..1 and below 1, got 1.5");
        Scopes.run(() ->
                with(
                        new Handmade(),
                        made ->
                                assertThatThrownBy(() ->
                                                Census.of(
                                                        made.decomposition(),
                                                        INDUCTION,
                                                        options(0.5, 0, 64)))
                                        .hasMessageContaining(
                                                "sequences and rows of a slice must be >= 1")));
    }
}
