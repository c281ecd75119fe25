package cleave.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import cleave.importance.CausalImportance;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.mask.MaskDraws;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.WeightDelta;
import cleave.model.Batch.LossPositions;
import cleave.model.Gpt2.Shape;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Passes;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Its numbers are compared with an independent implementation in `cleave.run.Gpt2ParityTest`.
class Gpt2Test {
    private static final Offset<Double> ROUNDING = Offset.offset(1e-12);
    private static final Shape SHAPE =
            new Shape(9, Toy.LENGTH, 8, 2, 2, 12, Activation.GELU_NEW, 1e-5, true);

    @ParameterizedTest
    @ValueSource(
            strings = {
                "h.0.attn.c_attn", "h.0.attn.c_proj", "h.0.mlp.c_fc", "h.0.mlp.c_proj",
                "h.0.attn.c_attn.q", "h.0.attn.c_attn.k", "h.0.attn.c_attn.v", "h.1.attn.c_attn",
                "h.1.attn.c_attn.q", "h.1.attn.c_attn.k", "h.1.attn.c_attn.v", "h.1.attn.c_proj",
                "h.1.mlp.c_fc", "h.1.mlp.c_proj"
            })
    void aSiteReplacedByItsOwnMapChangesNothingAndByZeroMuch(String name) {
        Scopes.run(() -> {
            try (Gpt2 target = target()) {
                Batch batch = batch();
                Clean clean = target.clean(batch);
                for (Clean from : new @Nullable Clean[] {clean, null}) {
                    Map<String, Replacement> same =
                            Map.of(name, (input, weight, _) -> input.matmul(weight.t()));
                    near(target.forward(batch, same, from).outputs(), clean.outputs());
                    Map<String, Replacement> zero =
                            Map.of(name, (input, weight, _) -> input.matmul(weight.t()).mul(0));
                    assertThat(
                                    Tensors.number(
                                            target.forward(batch, zero, from)
                                                    .outputs()
                                                    .sub(clean.outputs())
                                                    .abs()
                                                    .max()))
                            .isGreaterThan(1e-4);
                }
            }
        });
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void masksOfOneWithTheWholeDeltaReproduceTheCleanOutput(boolean fused) {
        Scopes.run(() -> {
            Gpt2 target = target();
            String[] sites =
                    target.sites().stream()
                            .map(Site::name)
                            .filter(name ->
                                    !name.contains("c_attn") || name.endsWith("c_attn") == fused)
                            .toArray(String[]::new);
            try (Problem problem =
                    Toy.problem(
                            target,
                            Toy.sites(target, 3, sites),
                            Toy.SEQUENCE,
                            Leak.SIGN_GATED,
                            1)) {
                Batch batch = batch();
                Clean clean = target.clean(batch);
                List<Tensor> lower =
                        problem.decomposition().importances(clean, null).stream()
                                .map(CausalImportance::lower)
                                .toList();
                MaskedForward forward =
                        new MaskedForward(
                                problem.decomposition(), batch, clean, lower, WeightDelta.ON);
                for (Routing routing :
                        List.of(
                                new Routing.All(),
                                new Routing.EachAlone(),
                                new Routing.RandomSubset(Routing.Drawn.PER_POSITION))) {
                    Passes.of(forward, new Masking.Ones(), routing, new MaskDraws(1, 0, 0, 0))
                            .forEach(run -> near(run.outputs(), clean.outputs()));
                }
            }
        });
    }

    @Test
    void attentionHasAPatternForEachHeadOfEachBlock() {
        Scopes.run(() -> {
            try (Gpt2 target = target()) {
                Batch batch = batch();
                Clean clean = target.clean(batch);
                assertThat(clean.attention()).hasSize(4);
                assertThat(clean.attention().getFirst().shape()).containsExactly(2, 6, 6);
                Target.Forward last = target.forward(batch, Map.of(), clean);
                assertThat(last.attention()).hasSize(2);
                assertThat(last.attention().getFirst().shape()).containsExactly(2, 1, 6);
                near(
                        last.attention().getLast(),
                        Positions.select(clean.attention().getLast(), batch.losses().index()));
            }
        });
    }

    /// Padding at the right leaves what valid positions see.
    @Test
    void paddingChangesNothingAtValidPositions() {
        Scopes.run(() -> {
            try (Gpt2 target = target()) {
                Tensor valid =
                        Tensors.of(new boolean[] {true, true, true, true, false, false}, 1, 6);
                Batch padded = batch(new long[] {3, 1, 4, 2, 0, 8}, 6, valid);
                Batch alone = batch(new long[] {3, 1, 4, 2}, 4, null);
                near(target.clean(padded).outputs(), target.clean(alone).outputs());
                near(
                        target.forward(padded, Map.of(), null).outputs(),
                        target.forward(alone, Map.of(), null).outputs());
            }
        });
    }

    @Test
    void aPartIsTheRowsOfTheWhole() {
        Scopes.run(() -> {
            try (Gpt2 target = target()) {
                Tensor whole = target.weight(target.site("h.1.attn.c_attn"));
                assertThat(whole.shape()).containsExactly(24, 8);
                near(target.weight(target.site("h.1.attn.c_attn.v")), whole.narrow(0, 16, 8));
                assertThat(target.sites()).hasSize(16);
            }
        });
    }

    @Test
    void aWholeMapAndItsPartAreNotReplacedTogether() {
        Replacement any = (input, weight, _) -> input.matmul(weight.t());
        Scopes.run(() -> {
            try (Gpt2 target = target()) {
                assertThatIllegalArgumentException()
                        .isThrownBy(() ->
                                target.forward(
                                        batch(),
                                        Map.of("h.0.attn.c_attn", any, "h.0.attn.c_attn.k", any),
                                        null))
                        .withMessage(
                                "replaced sites must not overlap, got h.0.attn.c_attn and a part of it");
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> target.site("h.2.mlp.c_fc"))
                        .withMessageContaining("got h.2.mlp.c_fc");
                assertThatIllegalArgumentException()
                        .isThrownBy(() -> target.clean(batch(new long[7], 7, null)))
                        .withMessage("input length must be <= 6, got 7");
            }
        });
    }

    @Test
    void shapesThatCannotBeAreRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Shape(9, 6, 8, 2, 3, 12, Activation.RELU, 1e-5, true))
                .withMessageContaining("width a multiple of heads");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Shape(9, 6, 8, 0, 2, 12, Activation.RELU, 1e-5, true))
                .withMessageContaining("must be >= 1");
    }

    /// 124,439,808 is GPT-2-small's published number of parameters.
    @Test
    void theSmallModelHasItsNumberOfParameters() {
        assertThat(
                        new Shape(50257, 1024, 768, 12, 12, 3072, Activation.GELU_NEW, 1e-5, true)
                                .parameters())
                .isEqualTo(124_439_808);
    }

    @Test
    void freshWeightsHaveTheirDeviations() {
        Scopes.run(() -> {
            Shape shape = new Shape(50, 20, 32, 8, 4, 128, Activation.GELU_NEW, 1e-5, false);
            SortedMap<String, Tensor> weights = shape.initial(3);
            assertThat(weights.keySet()).isEqualTo(shape.weights().keySet());
            // 4,096 numbers: the deviation of a deviation is about 1.1 %.
            assertThat(deviation(weights, "h.2.mlp.c_fc.weight"))
                    .isCloseTo(0.02, Offset.offset(0.001));
            assertThat(deviation(weights, "h.2.mlp.c_proj.weight"))
                    .isCloseTo(0.005, Offset.offset(0.00025));
            assertThat(Tensors.toDoubles(Tensors.named("ln_f.weight", weights))).containsOnly(1);
            assertThat(Tensors.toDoubles(Tensors.named("h.7.attn.c_attn.bias", weights)))
                    .containsOnly(0);
        });
    }

    @Test
    void randomTokensAreTheSameWhateverTheBatch() {
        Scopes.run(() -> {
            RandomTokens task = new RandomTokens("any", 9, 6);
            Task.Examples all = task.examples(1, Purpose.DATA, 0, 4);
            Task.Examples last = task.examples(1, Purpose.DATA, 3, 1);
            assertThat(Tensors.toLongs(last.batch().inputs()))
                    .isEqualTo(Tensors.toLongs(all.batch().inputs().narrow(0, 3, 1)));
            assertThat(Tensors.toLongs(all.labels().narrow(1, 0, 5)))
                    .isEqualTo(Tensors.toLongs(all.batch().inputs().narrow(1, 1, 5)));
        });
    }

    private static double deviation(SortedMap<String, Tensor> weights, String name) {
        return Tensors.number(Tensors.named(name, weights).pow(2).mean().sqrt());
    }

    private static Gpt2 target() {
        SortedMap<String, Tensor> weights = new TreeMap<>();
        SHAPE.initial(1)
                .forEach((name, weight) -> {
                    // Large enough for attention to attend.
                    double scale = weight.ndimension() == 2 ? 20 : 1;
                    weights.put(name, weight.to(Type.DOUBLE).mul(scale));
                });
        return new Gpt2(SHAPE, weights, () -> {});
    }

    private static Batch batch() {
        return batch(new long[] {3, 1, 4, 2, 0, 8, 5, 5, 7, 6, 1, 2}, 6, null);
    }

    private static Batch batch(long[] tokens, int length, @Nullable Tensor valid) {
        long rows = tokens.length / length;
        return new Batch(
                "test",
                0,
                Tensors.of(tokens, rows, length),
                valid,
                LossPositions.last(rows, length, valid));
    }

    private static void near(Tensor actual, Tensor expected) {
        assertThat(actual.shape()).containsExactly(expected.shape());
        assertThat(Tensors.toDoubles(actual))
                .containsExactly(Tensors.toDoubles(expected), ROUNDING);
    }
}
