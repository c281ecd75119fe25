package cleave.study.induction;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cleave.analysis.Evaluation;
import cleave.analysis.Handmade;
import cleave.config.UserError;
import cleave.model.InductionTask;
import cleave.model.Target;
import cleave.model.Task;
import cleave.study.induction.IdealFit.Ideal;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.FeatureTask;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.SequencedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class NecessityTest {
    private static final InductionTask TASK =
            new InductionTask("evaluation", 6, Handmade.LENGTH, true);
    private static final int SEQUENCES = 40;
    private static final Necessity.Settings QUICK = new Necessity.Settings(2, 0, SEQUENCES, 1);
    private static final List<String> SITES = List.copyOf(Necessity.PAPER.keySet());
    private static final int S = Handmade.TOKENS - 1;

    private static IdealFit fits(Target target) {
        return new IdealFit(target, TASK, SITES, QUICK);
    }

    private static Ideal nothing() {
        return new Ideal(new TreeMap<>(), new TreeMap<>());
    }

    /// Every site at its token with as many subcomponents as its rank, so that they sum to W.
    private static Ideal whole(IdealFit fits, Target target) {
        Ideal ideal = nothing();
        for (Map.Entry<String, String> site : Necessity.PAPER.entrySet()) {
            Tensor weight = target.weight(target.site(site.getKey()));
            ideal =
                    ideal.with(
                            site.getKey(),
                            site.getValue(),
                            fits.start(site.getKey(), site.getValue(), weight, Handmade.TOKENS));
        }
        return ideal;
    }

    /// `sum p (log p - log q)` of two rows of logits.
    private static double kl(double[] target, double[] other) {
        double[] p = logarithms(target);
        double[] q = logarithms(other);
        double sum = 0;
        for (int i = 0; i < p.length; i++) {
            sum += Math.exp(p[i]) * (p[i] - q[i]);
        }
        return sum;
    }

    private static double[] logarithms(double[] logits) {
        double sum = 0;
        for (double logit : logits) {
            sum += Math.exp(logit);
        }
        double[] logarithms = logits.clone();
        for (int i = 0; i < logits.length; i++) {
            logarithms[i] -= Math.log(sum);
        }
        return logarithms;
    }

    /// `unembedding x` of a residual.
    private static double[] logits(Target target, double[] x) {
        double[] unembedding =
                Tensors.toDoubles(Tensors.named("unembedding", target.weights())); // [8, 8]
        double[] logits = new double[Handmade.TOKENS];
        for (int i = 0; i < logits.length; i++) {
            for (int j = 0; j < x.length; j++) {
                logits[i] += unembedding[i * x.length + j] * x[j];
            }
        }
        return logits;
    }

    private static double[] row(double[] flat, int row) {
        return java.util.Arrays.copyOfRange(
                flat, row * Handmade.TOKENS, (row + 1) * Handmade.TOKENS);
    }

    @Test
    void aSiteWithoutContentWritesNothing() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade()) {
                Task.Examples examples = TASK.examples(0, Draws.Purpose.EVALUATION, 0, SEQUENCES);
                double[] clean = Tensors.toDoubles(made.target().clean(examples.batch()).outputs());
                double[] alone = new double[Handmade.TOKENS];
                alone[S] = 10; // the embedding of the last token passes as it is
                double expected = 0;
                for (int i = 0; i < SEQUENCES; i++) {
                    expected += kl(row(clean, i), logits(made.target(), alone)) / SEQUENCES;
                }

                Necessity.Fit fit = fits(made.target()).measured(nothing());

                assertThat(fit.kl()).isCloseTo(expected, within(1e-5));
                assertThat(fit.importanceKl()).isCloseTo(expected, within(1e-5));
                assertThat(fit.positionFreeKl()).isCloseTo(expected, within(1e-5));
            }
        });
    }

    @Test
    void contentIsOnAtItsTokenAloneUnderIdealImportances() {
        Scopes.run(() -> {
            // Layer 1 attends evenly and layer 0 writes nothing: the last position reads
            // e_s + 1/8 sum over positions of V1 x; under ideal importances of V1 x at m alone.
            try (Handmade made = new Handmade("blocks.0.value", "blocks.1.query", "blocks.1.key")) {
                Target target = made.target();
                Task.Examples examples = TASK.examples(0, Draws.Purpose.EVALUATION, 0, SEQUENCES);
                long[] tokens = Tensors.toLongs(examples.batch().inputs()); // [B, T]
                long[] m = Tensors.toLongs(Tensors.named("m", examples.marks()));
                double[] W = Tensors.toDoubles(target.weight(target.site("V1"))); // [8, 8]
                double expected = 0;
                for (int i = 0; i < SEQUENCES; i++) {
                    double[] all = new double[Handmade.TOKENS];
                    double[] atM = new double[Handmade.TOKENS];
                    all[S] = 10;
                    atM[S] = 10;
                    for (int t = 0; t < Handmade.LENGTH; t++) {
                        int token = (int) tokens[i * Handmade.LENGTH + t];
                        for (int out = 0; out < Handmade.TOKENS; out++) {
                            double wrote = 10 * W[out * Handmade.TOKENS + token] / Handmade.LENGTH;
                            all[out] += wrote;
                            atM[out] += t == m[i] ? wrote : 0;
                        }
                    }
                    expected += kl(logits(target, all), logits(target, atM)) / SEQUENCES;
                }
                IdealFit fits = fits(target);

                Necessity.Fit fit = fits.measured(whole(fits, target));

                assertThat(expected).isGreaterThan(1e-3);
                assertThat(fit.importanceKl()).isCloseTo(expected, within(1e-5));
                // All content everywhere is the target itself.
                assertThat(fit.positionFreeKl()).isCloseTo(0, within(1e-6));
                // Sources keep some of what the other positions write.
                assertThat(fit.kl()).isGreaterThan(1e-4).isLessThan(expected);
            }
        });
    }

    @Test
    void aFitStartsFromTheBestDirectionsOfASitesOutputs() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade()) {
                Target target = made.target();
                IdealFit fits = fits(target);
                Tensor W = target.weight(target.site("V1"));
                double[] sizes = fits.outputs("V1", "m", W).sizes();
                Task.Examples examples =
                        TASK.examples(0, Draws.Purpose.DATA, 0, IdealFit.START_ROWS);
                Tensor input =
                        Objects.requireNonNull(target.clean(examples.batch()).inputs().get("V1"));

                Subcomponents.Initial two = fits.start("V1", "m", W, 2);

                // The error of the best two directions is what lies along the other six.
                double missed = 0;
                for (int i = 0; i < sizes.length - 2; i++) {
                    missed += sizes[i] * sizes[i];
                }
                double error = 0;
                double[] all = Tensors.toDoubles(W);
                double[] kept = Tensors.toDoubles(two.V().matmul(two.U()).t());
                double[] x = Tensors.toDoubles(input); // [512, 8, 8]
                long[] m = Tensors.toLongs(Tensors.named("m", examples.marks()));
                for (int row = 0; row < IdealFit.START_ROWS; row++) {
                    int at = (row * Handmade.LENGTH + (int) m[row]) * Handmade.TOKENS;
                    for (int out = 0; out < Handmade.TOKENS; out++) {
                        double gap = 0;
                        for (int in = 0; in < Handmade.TOKENS; in++) {
                            int place = out * Handmade.TOKENS + in;
                            gap += (all[place] - kept[place]) * x[at + in];
                        }
                        error += gap * gap / IdealFit.START_ROWS;
                    }
                }
                assertThat(missed).isGreaterThan(0.1);
                assertThat(error).isCloseTo(missed, within(1e-3 * missed));
            }
        });
    }

    @Test
    void fittingComesNearerToTheTarget() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade()) {
                IdealFit fits = fits(made.target());
                Ideal start = whole(fits, made.target()).without("K0");

                Necessity.Fit before = fits.measured(start);
                Necessity.Fit after = fits.measured(fits.fitted(start, 40, 512));

                assertThat(after.kl()).isLessThan(0.7 * before.kl());
            }
        });
    }

    @Test
    void whereNothingIsReadNothingIsNeeded() {
        Scopes.run(() -> {
            try (Handmade made = Handmade.empty()) {
                Necessity necessity = Necessity.of(made.target(), TASK, QUICK, _ -> {});

                assertThat(necessity.every().stands()).isTrue();
                assertThat(necessity.needed()).isEmpty();
                assertThat(necessity.together()).containsExactlyInAnyOrderElementsOf(SITES);
                assertThat(necessity.withoutThem().kl()).isCloseTo(0, within(1e-6));
                assertThat(necessity.copy().neededRank()).hasValue(1);
                assertThat(necessity.sites())
                        .allSatisfy(site -> {
                            assertThat(site.at()).isEmpty();
                            assertThat(site.named()).isEmpty();
                        });
            }
        });
    }

    @Test
    void aSiteIsNeededWhenTheOthersCannotStandForTheTarget() {
        List<String> said = new ArrayList<>();
        Scopes.run(() -> {
            // Nothing attends by content, so that no site but V1 has any effect.
            try (Handmade made =
                    new Handmade(
                            "blocks.0.value", "blocks.0.query", "blocks.1.query", "blocks.1.key")) {
                Necessity necessity = Necessity.of(made.target(), TASK, QUICK, said::add);

                Necessity.SiteNeed copy = necessity.sites().getLast();
                assertThat(copy.site()).isEqualTo("V1");
                assertThat(copy.needed()).isTrue();
                assertThat(copy.at()).containsOnlyKeys("s1", "m", "s2");
                assertThat(copy.at().get("m")).isEqualTo(necessity.every());
                assertThat(copy.named())
                        .hasValue(
                                copy.at().entrySet().stream()
                                        .min(
                                                Map.Entry.comparingByValue(
                                                        java.util.Comparator.comparingDouble(
                                                                Necessity.Fit::kl)))
                                        .orElseThrow()
                                        .getKey());
                assertThat(necessity.copy().byRank().keySet())
                        .containsExactly(1, 2, 3, 4, 5, 6, 7, 8);
                assertThat(necessity.copy().singularValues())
                        .isSortedAccordingTo(java.util.Comparator.reverseOrder())
                        .hasSize(8);
                // The same seed gives the same numbers, another seed others.
                assertThat(Necessity.of(made.target(), TASK, QUICK, _ -> {})).isEqualTo(necessity);
                Necessity.Settings other = new Necessity.Settings(2, 1, SEQUENCES, 1);
                assertThat(Necessity.of(made.target(), TASK, other, _ -> {}).every())
                        .isNotEqualTo(necessity.every());
            }
        });
        assertThat(said).anyMatch(line -> line.startsWith("without V1: KL "));
    }

    @Test
    void cutMatricesAreMeasuredAtEveryPosition() {
        Scopes.run(() -> {
            // Q0 is zero already, so that cutting it changes nothing.
            try (Handmade made = new Handmade("blocks.0.query")) {
                PositionFree free = PositionFree.of(made.target(), TASK, SITES, SEQUENCES, 16);

                assertThat(free.rows()).extracting(PositionFree.Row::site).isEqualTo(SITES);
                PositionFree.Row query = free.rows().getFirst();
                assertThat(query.atZero()).isEqualTo(free.accuracy());
                assertThat(query.atRankOne()).isEqualTo(free.accuracy());
                assertThat(query.needed()).isFalse();
                assertThat(query.enough()).isTrue();
                assertThat(free.copyByRank()).hasSize(Handmade.TOKENS);
                assertThat(free.copyByRank().lastEntry().getValue()).isEqualTo(free.accuracy());
                assertThat(free.isWholeTable()).isFalse();
            }
        });
    }

    /// A matrix made of two orthogonal pieces of sizes 5 and 2: of rank one the first is left.
    @Test
    void aMatrixCutToRankOneIsItsLargestPiece() {
        double[] a = {0.6, 0.8, 0};
        double[] b = {-0.8, 0.6, 0};
        double[] u = {0.28, 0.96};
        double[] v = {0.96, -0.28};
        double[] whole = new double[6];
        double[] first = new double[6];
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 2; j++) {
                first[2 * i + j] = 5 * a[i] * u[j];
                whole[2 * i + j] = first[2 * i + j] + 2 * b[i] * v[j];
            }
        }
        Scopes.run(() -> {
            Tensor matrix = Tensors.of(whole, Type.DOUBLE, 3, 2);
            assertThat(Tensors.toDoubles(PositionFree.cut(matrix, 1)))
                    .containsExactly(first, within(1e-12));
            assertThat(Tensors.toDoubles(PositionFree.cut(matrix.t(), 1).t().contiguous()))
                    .containsExactly(first, within(1e-12));
            assertThat(Tensors.toDoubles(PositionFree.cut(matrix, 2)))
                    .containsExactly(whole, within(1e-12));
        });
    }

    @Test
    void theWholeTableNeedsEveryRowAndOnePieceInEachOfTheFirstFive() {
        List<PositionFree.Row> five =
                List.of("Q0", "K0", "V0", "Q1", "K1").stream()
                        .map(site -> new PositionFree.Row(site, 0.6, 1, true, true))
                        .toList();
        List<PositionFree.Row> all = new ArrayList<>(five);
        all.add(new PositionFree.Row("V1", 0.01, 0.2, true, false));
        SequencedMap<Integer, Double> byRank = new LinkedHashMap<>(Map.of(1, 1.0));
        OptionalInt eight = OptionalInt.of(8);

        assertThat(new PositionFree(1, all, 1, byRank, eight).isWholeTable()).isTrue();
        assertThat(new PositionFree(1, all, 0.99, byRank, eight).isWholeTable()).isFalse();
        assertThat(new PositionFree(1, all, 1, byRank, OptionalInt.empty()).isWholeTable())
                .isFalse();
        all.set(0, new PositionFree.Row("Q0", 0.98, 1, false, true));
        assertThat(new PositionFree(1, all, 1, byRank, eight).isWholeTable()).isFalse();
        assertThat(new PositionFree(1, all, 1, byRank, eight).needed())
                .containsExactly("K0", "V0", "Q1", "K1", "V1");
    }

    @Test
    void evenAttentionIsCountedByHand() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade("blocks.0.query")) {
                Task.Examples examples = TASK.examples(0, Draws.Purpose.EVALUATION, 0, SEQUENCES);
                long[] s1 = Tensors.toLongs(Tensors.named("s1", examples.marks()));
                double toS1 = 0; // a query at position t looks at t + 1 positions alike
                for (long at : s1) {
                    toS1 += 1.0 / (at + 2) / SEQUENCES;
                }
                AttentionSums sums = new AttentionSums(List.of("s1", "m", "s2"));
                new Evaluation(made.target(), TASK, SEQUENCES, 16)
                        .forEach(slice -> sums.add(slice, TASK));

                Necessity.Attention m = sums.means().get(1);
                assertThat(m.layer()).isZero();
                assertThat(m.query()).isEqualTo("m");
                assertThat(m.to().get("s1")).isCloseTo(toS1, within(1e-6));
                assertThat(m.to().get("m")).isCloseTo(toS1, within(1e-6));
                assertThat(m.to().get("s2")).isZero(); // it lies ahead
                assertThat(m.others()).isCloseTo(1 - 2 * toS1, within(1e-6));
                Necessity.Attention s2 = sums.means().get(2);
                assertThat(s2.to().get("s1")).isCloseTo(1.0 / 8, within(1e-6));
                assertThat(s2.others()).isCloseTo(5.0 / 8, within(1e-6));
                assertThat(sums.means()).hasSize(6);
            }
        });
    }

    @Test
    void otherTasksAndTargetsAreRefused() {
        Scopes.run(() -> {
            try (Handmade made = new Handmade()) {
                assertThatThrownBy(() ->
                                Necessity.of(made.target(), new FeatureTask(3), QUICK, _ -> {}))
                        .isInstanceOf(UserError.class)
                        .hasMessageContaining("induction");
            }
        });
        assertThatThrownBy(() -> new Necessity.Settings(0, 0, 1, 1))
                .hasMessageContaining("steps, sequences and rank must be >= 1");
    }
}
