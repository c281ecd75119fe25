package cleave.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import cleave.decomposition.Decomposition;
import cleave.importance.CausalImportance;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.mask.MaskDraws;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.WeightDelta;
import cleave.model.Batch.LossPositions;
import cleave.model.InductionTransformer.Added;
import cleave.model.InductionTransformer.Code;
import cleave.model.InductionTransformer.Shape;
import cleave.subcomponent.MaskedSite;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.PaddedTask;
import cleave.testing.Passes;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import org.assertj.core.data.Offset;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class InductionTransformerTest {
    private static final Offset<Double> ROUNDING = Offset.offset(1e-12);

    @ParameterizedTest
    @CsvSource({
        "FIXED, AFTER",
        "FIXED, BEFORE",
        "LEARNED, AFTER",
        "LEARNED, BEFORE",
        "ROTARY, AFTER"
    })
    void masksOfOneWithTheWholeDeltaReproduceTheCleanOutput(Code code, Added added) {
        Scopes.run(() -> {
            Target target = Toy.target(Toy.shape(code, added), Type.DOUBLE);
            try (Problem problem = problem(target)) {
                Batch batch = batch(true);
                Clean clean = target.clean(batch);
                MaskedForward forward = forward(problem, batch, clean, WeightDelta.ON);
                for (Routing routing :
                        List.of(
                                new Routing.All(),
                                new Routing.EachAlone(),
                                new Routing.RandomSubset(Routing.Drawn.PER_POSITION))) {
                    Passes.of(forward, new Masking.Ones(), routing, new MaskDraws(1, 0, 0, 0))
                            .forEach(run -> same(run.outputs(), clean.outputs()));
                }
                Target.Forward masked = forward.pass(new Masking.Given(ones(problem), _ -> false));
                same(masked.outputs(), clean.outputs());
            }
        });
    }

    private static List<@Nullable Tensor> ones(Problem problem) {
        return problem.decomposition().sites().stream()
                .<@Nullable Tensor>map(_ -> Tensors.ones(Type.DOUBLE, 1, 1, 1))
                .toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"Q0", "O0", "Q1", "K1", "V1", "O1"})
    void aPassFromAKeptBlockEqualsOneFromTheInputs(String site) {
        Scopes.run(() -> {
            Target target = Toy.target(Type.DOUBLE);
            try (Problem problem = problem(target)) {
                Batch batch = batch(true);
                Clean clean = target.clean(batch);
                Decomposition decomposition = problem.decomposition();
                Tensor mask = Tensors.of(new double[] {0.1, 0.9, 0.4}, Type.DOUBLE, 1, 1, 3);
                Map<String, Replacement> replaced =
                        Map.of(
                                site,
                                new MaskedSite(
                                        decomposition.subcomponents(decomposition.site(site)),
                                        mask.expand(batch.rows(), batch.length(), 3)));
                Target.Forward kept = target.forward(batch, replaced, clean);
                Target.Forward full = target.forward(batch, replaced, null);
                assertThat(Tensors.toDoubles(kept.outputs()))
                        .containsExactly(Tensors.toDoubles(full.outputs()))
                        .isNotEqualTo(Tensors.toDoubles(clean.outputs()));
                assertThat(kept.attention()).hasSize(site.endsWith("1") ? 1 : 2);
                assertThat(full.attention()).hasSize(2);
            }
        });
    }

    @Test
    void aPassWithNothingReplacedIsTheCleanOne() {
        Scopes.run(() -> {
            try (Target target = Toy.target(Type.DOUBLE)) {
                Batch batch = batch(true);
                Clean clean = target.clean(batch);
                // The clean pass computes the last block at every position, the others only at the
                // loss positions.
                same(target.forward(batch, Map.of(), null).outputs(), clean.outputs());
                same(target.forward(batch, Map.of(), clean).outputs(), clean.outputs());
            }
        });
    }

    @Test
    void queriesOfTheLastBlockAloneGiveTheRowsOfTheWholePattern() {
        Scopes.run(() -> {
            try (Target target = Toy.target(Type.DOUBLE)) {
                Batch batch = batch(true);
                Clean clean = target.clean(batch);
                Target.Forward forward = target.forward(batch, Map.of(), null);
                assertThat(clean.attention().get(1).shape()).containsExactly(3, 6, 6);
                assertThat(forward.attention().get(1).shape()).containsExactly(3, 2, 6);
                same(
                        forward.attention().get(1),
                        Positions.select(clean.attention().get(1), batch.losses().index()));
                same(forward.attention().get(0), clean.attention().get(0));
            }
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void paddingChangesNothingAtValidPositions(boolean left) {
        Shape shape = Toy.shape(Code.LEARNED, Added.AFTER);
        Scopes.run(() -> {
            SortedMap<String, Tensor> weights = Toy.weights(shape, Type.DOUBLE);
            if (left) {
                // Padding at the left moves the others to later positions: only contents may count.
                weights.put("positions", Tensors.zeros(Type.DOUBLE, Toy.LENGTH, 4));
            }
            Target target = new InductionTransformer(shape, weights, () -> {});
            try (Problem problem = problem(target)) {
                long[] tokens = {3, 1, 4, 2};
                long[] padded =
                        left ? new long[] {0, 0, 3, 1, 4, 2} : new long[] {3, 1, 4, 2, 0, 0};
                boolean[] valid = new boolean[6];
                Arrays.fill(valid, left ? 2 : 0, left ? 6 : 4, true);
                Tensor flags = Tensors.of(valid, 1, 6);
                Batch alone = batch(tokens, 4, null);
                Batch among = batch(padded, 6, flags);
                assertThat(Tensors.toLongs(among.losses().index())).containsExactly(left ? 5 : 3);
                Clean unpadded = target.clean(alone);
                Clean full = target.clean(among);
                same(full.outputs(), unpadded.outputs());
                for (String site : unpadded.inputs().keySet()) {
                    Tensor inputs = Tensors.named(site, full.inputs());
                    assertThat(Tensors.toDoubles(inputs)).doesNotContain(Double.NaN);
                    same(inputs.narrow(1, left ? 2 : 0, 4), Tensors.named(site, unpadded.inputs()));
                }
                Target.Forward masked =
                        Passes.of(
                                        forward(problem, among, full, WeightDelta.NONE),
                                        new Masking.Importance(),
                                        new Routing.All(),
                                        new MaskDraws(1, 0, 0, 0))
                                .getFirst();
                assertThat(Tensors.toDoubles(masked.outputs())).doesNotContain(Double.NaN);
            }
        });
    }

    @Test
    void aSequenceOfPaddingAloneStaysFinite() {
        Scopes.run(() -> {
            try (Target target = Toy.target(Type.DOUBLE)) {
                Batch empty = batch(new long[4], 4, Tensors.of(new boolean[4], 1, 4));
                double[] outputs = Tensors.toDoubles(target.clean(empty).outputs());
                assertThat(Arrays.stream(outputs)).allMatch(Double::isFinite);
            }
        });
    }

    @Test
    void aSiteReadsWhatItsProjectionReads() {
        Scopes.run(() -> {
            try (Target before = Toy.target(Toy.shape(Code.FIXED, Added.BEFORE), Type.DOUBLE);
                    Target after = Toy.target(Type.DOUBLE)) {
                Batch batch = batch(false);
                Clean cleanBefore = before.clean(batch);
                Clean cleanAfter = after.clean(batch);
                Tensor embedded = cleanAfter.blockInputs().getFirst();
                same(Tensors.named("Q0", cleanAfter.inputs()), embedded);
                same(Tensors.named("V0", cleanBefore.inputs()), embedded);
                // Position 0 of the fixed code is (sin 0, cos 0, sin 0, cos 0).
                double[] coded = Tensors.toDoubles(Tensors.named("Q0", cleanBefore.inputs()));
                double[] plain = Tensors.toDoubles(embedded);
                assertThat(new double[] {coded[0], coded[1], coded[2], coded[3]})
                        .containsExactly(plain[0], plain[1] + 1, plain[2], plain[3] + 1);
                assertThat(coded[4]).isCloseTo(plain[4] + Math.sin(1), ROUNDING);
                assertThat(coded[6]).isCloseTo(plain[6] + Math.sin(0.01), ROUNDING);
            }
        });
    }

    /// `(R_n q) . (R_j k)` is a function of `n - j`: what all positions but the last see of each
    /// other does not change when the sequence stands one place later.
    @Test
    void rotaryScoresDependOnTheDistanceAlone() {
        Scopes.run(() -> {
            try (Target target = Toy.target(Toy.shape(Code.ROTARY, Added.AFTER), Type.DOUBLE)) {
                assertThat(target.weights()).doesNotContainKey("positions");
                Tensor early = first(target, new long[] {3, 1, 4, 2, 0, 0});
                Tensor late = first(target, new long[] {3, 3, 1, 4, 2, 0});
                // Query 3 of the first sequence and query 4 of the second see the same tokens, and
                // the second one more before them, which leaves the ratios of the others.
                double[] a = Tensors.toDoubles(early.select(0, 3).narrow(0, 0, 4));
                double[] b = Tensors.toDoubles(late.select(0, 4).narrow(0, 1, 4));
                for (int key = 1; key < 4; key++) {
                    assertThat(a[key] / a[0]).isCloseTo(b[key] / b[0], ROUNDING);
                }
                assertThat(a[1] / a[0]).isNotCloseTo(1, Offset.offset(1e-3));
            }
        });
    }

    /// The pattern of layer 0, `[T, T]`.
    private static Tensor first(Target target, long[] tokens) {
        return target.clean(batch(tokens, tokens.length, null)).attention().getFirst().select(0, 0);
    }

    @Test
    void withoutAnOutputProjectionThereIsNoSuchSite() {
        Scopes.run(() -> {
            Shape shape = new Shape(5, 6, 4, 2, Code.FIXED, Added.AFTER, false);
            try (Target target = Toy.target(shape, Type.DOUBLE)) {
                assertThat(target.sites().stream().map(Site::name))
                        .containsExactly("Q0", "K0", "V0", "Q1", "K1", "V1");
                assertThat(shape.weights().keySet()).doesNotContain("blocks.0.output");
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> target.site("O0"))
                        .withMessage("site must be one of [Q0, K0, V0, Q1, K1, V1], got O0");
            }
        });
    }

    @Test
    void wrongWeightsAreRefused() {
        Shape shape = Toy.shape(Code.FIXED, Added.AFTER);
        Scopes.run(() -> {
            SortedMap<String, Tensor> missing = Toy.weights(shape, Type.DOUBLE);
            missing.remove("blocks.1.key");
            refused(shape, missing, "weights of an induction transformer must be [blocks.0.key,");
            SortedMap<String, Tensor> extra = Toy.weights(shape, Type.DOUBLE);
            extra.put("positions", Tensors.zeros(Type.DOUBLE, 6, 4));
            refused(shape, extra, "positions");
            SortedMap<String, Tensor> wide = Toy.weights(shape, Type.DOUBLE);
            wide.put("blocks.1.key", Tensors.zeros(Type.DOUBLE, 4, 5));
            refused(shape, wide, "blocks.1.key must have shape [4, 4], got [4, 5]");
            SortedMap<String, Tensor> flat = Toy.weights(shape, Type.DOUBLE);
            flat.put("embedding", Tensors.zeros(Type.DOUBLE, 28));
            refused(shape, flat, "embedding must have shape [7, 4], got [28]");
            SortedMap<String, Tensor> mixed = Toy.weights(shape, Type.DOUBLE);
            mixed.put("blocks.1.key", Tensors.zeros(Type.FLOAT, 4, 4));
            refused(
                    shape,
                    mixed,
                    "blocks.1.key must be of type float32 or float64 like embedding, got Float");
            SortedMap<String, Tensor> whole = Toy.weights(shape, Type.DOUBLE);
            whole.replaceAll((_, weight) -> weight.to(Type.LONG));
            refused(shape, whole, "must be of type float32 or float64 like embedding, got Long");
        });
    }

    private static void refused(Shape shape, SortedMap<String, Tensor> weights, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new InductionTransformer(shape, weights, () -> {}).close())
                .withMessageContaining(message);
    }

    @Test
    void wrongShapesAndLengthsAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Shape(5, 6, 3, 2, Code.FIXED, Added.AFTER, true))
                .withMessageContaining("width even");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Shape(5, 6, 4, 2, Code.ROTARY, Added.BEFORE, true))
                .withMessage("added must be after for rotary codes, got before");
        Scopes.run(() -> {
            try (Target target = Toy.target(Type.DOUBLE)) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> target.clean(batch(new long[7], 7, null)))
                        .withMessage("input length must be <= 6, got 7");
            }
            assertThatIllegalArgumentException()
                    .isThrownBy(() -> batch(new long[4], 4, Tensors.of(new boolean[3], 1, 3)))
                    .withMessageContaining("batch of stream toy: valid must have shape [B, T]");
        });
    }

    @Test
    void closingTellsTheOwnerOfTheWeights() {
        Scopes.run(() -> {
            boolean[] closed = new boolean[1];
            Shape shape = Toy.shape(Code.LEARNED, Added.BEFORE);
            new InductionTransformer(shape, Toy.weights(shape, Type.FLOAT), () -> closed[0] = true)
                    .close();
            assertThat(closed[0]).isTrue();
        });
    }

    @Test
    void initialWeightsFollowTheirDistributions() {
        Shape shape = new Shape(998, 100, 16, 1, Code.LEARNED, Added.BEFORE, true);
        Scopes.run(() -> {
            SortedMap<String, Tensor> weights = shape.initial(1);
            double[] matrix = Tensors.toDoubles(Tensors.named("unembedding", weights));
            assertThat(Arrays.stream(matrix).map(Math::abs).max().orElseThrow())
                    .isBetween(0.249, 0.25);
            // Uniform within 1/4: deviation 1 / (4 sqrt 3).
            assertThat(deviation(matrix)).isCloseTo(0.1443, Offset.offset(2e-3));
            assertThat(deviation(Tensors.toDoubles(Tensors.named("embedding", weights))))
                    .isCloseTo(1, Offset.offset(2e-2));
            assertThat(deviation(Tensors.toDoubles(Tensors.named("positions", weights))))
                    .isCloseTo(0.1, Offset.offset(7e-3));
        });
    }

    private static double deviation(double[] values) {
        return Math.sqrt(Arrays.stream(values).map(x -> x * x).average().orElseThrow());
    }

    private static Problem problem(Target target) {
        return Toy.problem(target, Toy.sites(target, 3), Toy.SEQUENCE, Leak.SIGN_GATED, 1);
    }

    private static MaskedForward forward(
            Problem problem, Batch batch, Clean clean, WeightDelta delta) {
        Decomposition decomposition = problem.decomposition();
        List<Tensor> lower =
                decomposition.importances(clean, batch.valid()).stream()
                        .map(CausalImportance::lower)
                        .toList();
        return new MaskedForward(decomposition, batch, clean, lower, delta);
    }

    private static Batch batch(boolean padded) {
        return new PaddedTask("toy", Toy.TOKENS, Toy.LENGTH, padded)
                .examples(4, Purpose.DATA, 0, 3)
                .batch();
    }

    private static Batch batch(long[] tokens, int length, @Nullable Tensor valid) {
        return new Batch(
                "toy",
                0,
                Tensors.of(tokens, 1, length),
                valid,
                LossPositions.last(1, length, valid));
    }

    private static void same(Tensor actual, Tensor expected) {
        assertThat(actual.shape()).containsExactly(expected.shape());
        assertThat(Tensors.toDoubles(actual))
                .containsExactly(Tensors.toDoubles(expected), ROUNDING);
    }
}
