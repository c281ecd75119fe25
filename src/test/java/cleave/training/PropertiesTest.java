package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import cleave.importance.CausalImportance;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.loss.Faithfulness;
import cleave.loss.ImportanceMinimality;
import cleave.loss.ImportanceMinimality.PositionReduction;
import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.loss.Usage;
import cleave.mask.MaskDraws;
import cleave.mask.MaskedForward;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.Routing.Drawn;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Target;
import cleave.model.Target.Outputs;
import cleave.schedule.Schedule;
import cleave.subcomponent.MaskedSite;
import cleave.subcomponent.MaskedSubcomponents;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.PaddedTask;
import cleave.testing.Passes;
import cleave.testing.Problem;
import cleave.testing.Toy;
import cleave.testing.WrappedTarget;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What holds for every decomposition.
class PropertiesTest {
    private static final PaddedTask TASK = new PaddedTask("toy", Toy.TOKENS, Toy.LENGTH, true);
    private static final Schedule ONE = Schedule.constant(1);

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void masksLieBetweenTheImportanceAndOne(long seed) {
        Scopes.run(() -> {
            Batch batch = TASK.examples(seed, Purpose.DATA, 0, 3).batch();
            SortedMap<String, MaskedSite> seen = new TreeMap<>();
            Target target =
                    new WrappedTarget(
                            Toy.target(Type.FLOAT),
                            Outputs.LOGITS,
                            replaced ->
                                    replaced.forEach((name, replacement) ->
                                            seen.put(name, (MaskedSite) replacement)));
            try (Problem problem = problem(target, seed, "Q0", "V1")) {
                Clean clean = target.clean(batch);
                List<Tensor> lower =
                        problem.decomposition().importances(clean, batch.valid()).stream()
                                .map(CausalImportance::lower)
                                .toList();
                MaskedForward forward =
                        new MaskedForward(
                                problem.decomposition(),
                                batch,
                                clean,
                                lower,
                                WeightDelta.STOCHASTIC);
                Passes.of(
                        forward,
                        new Masking.Stochastic(),
                        new Routing.All(),
                        new MaskDraws(seed, 0, 0, 0));
                assertThat(seen.keySet()).containsExactly("Q0", "V1");
                float[] g = Tensors.toFloats(lower.getFirst());
                float[] masks = Tensors.toFloats(mask(seen.get("Q0")));
                int between = 0;
                for (int i = 0; i < g.length; i++) {
                    assertThat(masks[i]).isBetween(Math.nextDown(g[i]), 1f);
                    between += masks[i] > g[i] && masks[i] < 1 ? 1 : 0;
                }
                assertThat(between).isPositive();
                Passes.of(
                        forward,
                        new Masking.Rounded(),
                        new Routing.All(),
                        new MaskDraws(seed, 0, 0, 0));
                masks = Tensors.toFloats(mask(seen.get("Q0")));
                for (int i = 0; i < g.length; i++) {
                    assertThat(masks[i]).isEqualTo(g[i] > 0.5 ? 1f : 0f);
                }
                assertThat(Objects.requireNonNull(seen.get("Q0")).delta())
                        .isEqualTo(MaskedSite.DeltaShare.NONE);
            }
        });
    }

    private static Tensor mask(@Nullable MaskedSite site) {
        return ((MaskedSubcomponents.Recorded) Objects.requireNonNull(site).masked()).mask();
    }

    @Test
    void binaryMasksAreOnWithTheImportanceAsProbabilityAndPassTheirGradientToIt() {
        Scopes.run(() -> {
            Target target = Toy.target(Type.DOUBLE);
            Batch batch = TASK.examples(1, Purpose.DATA, 0, 64).batch();
            try (Problem problem = problem(target, 1, "Q0", "V1")) {
                Clean clean = target.clean(batch);
                Tensor g = Tensors.of(new double[] {0, 0.25, 1}, Type.DOUBLE, 1, 1, 3);
                long[] shape = {64, Toy.LENGTH, 3};
                List<Tensor> lower =
                        List.of(
                                g.expand(shape).contiguous().requires_grad_(true),
                                g.expand(shape).contiguous().requires_grad_(true));
                MaskDraws draws = new MaskDraws(1, 0, 0, 0);
                Tensor outputs = run(problem, batch, clean, lower, new Masking.Binary(), draws);
                outputs.mul(outputs).sum().backward();

                List<Tensor> masks = new ArrayList<>();
                for (int site = 0; site < 2; site++) {
                    String name = problem.decomposition().sites().get(site).name();
                    Tensor r = draws.sources(batch, name, 3, Type.DOUBLE);
                    masks.add(r.lt(lower.get(site)).to(Type.DOUBLE).requires_grad_(true));
                }
                double[] share =
                        Tensors.toDoubles(
                                masks.getFirst().detach().sum(0).sum(0).div(64.0 * Toy.LENGTH));
                assertThat(share[0]).isZero();
                assertThat(share[1]).isBetween(0.15, 0.35);
                assertThat(share[2]).isOne();
                Tensor given = run(problem, batch, clean, masks, new Masking.Importance(), draws);
                given.mul(given).sum().backward();
                assertThat(Tensors.toDoubles(outputs)).isEqualTo(Tensors.toDoubles(given));
                for (int site = 0; site < 2; site++) {
                    assertThat(Tensors.toDoubles(lower.get(site).grad()))
                            .isEqualTo(Tensors.toDoubles(masks.get(site).grad()));
                }
            }
        });
    }

    private static Tensor run(
            Problem problem,
            Batch batch,
            Clean clean,
            List<Tensor> lower,
            Masking source,
            MaskDraws draws) {
        var forward =
                new MaskedForward(problem.decomposition(), batch, clean, lower, WeightDelta.NONE);
        return Passes.of(forward, source, new Routing.All(), draws).getFirst().outputs();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void theOrderOfSubcomponentsDoesNotMatter(long seed) {
        Faithfulness faithfulness = new Faithfulness(ONE, false);
        List<LossTerm> terms =
                List.of(
                        reconstruct(new Masking.Importance(), new Routing.All()),
                        reconstruct(new Masking.Rounded(), new Routing.EachAlone()),
                        reconstruct(
                                new Masking.Importance(),
                                new Routing.RandomSubset(Drawn.PER_POSITION)),
                        new ImportanceMinimality(
                                ONE, Schedule.constant(0.7), 1e-6, true, PositionReduction.MEAN, 1),
                        new Usage(ONE, 0.5, 1e-5));
        Scopes.run(() -> {
            Target target = Toy.target(Type.DOUBLE);
            try (Problem problem = problem(target, seed, "Q0", "V1")) {
                double before = total(problem, faithfulness, terms);
                problem.parameters().set(permuted(problem.parameters().views()));
                assertThat(total(problem, faithfulness, terms))
                        .isCloseTo(before, Offset.offset(1e-12 * before));
            }
        });
    }

    /// Subcomponents 0, 1, 2 become 2, 0, 1.
    private static SortedMap<String, Tensor> permuted(SortedMap<String, Tensor> parameters) {
        SortedMap<String, Tensor> permuted = new TreeMap<>();
        Tensor order = Tensors.of(new long[] {1, 2, 0}, 3);
        parameters.forEach((name, tensor) -> {
            String parameter = name.substring(name.lastIndexOf('.') + 1);
            permuted.put(
                    name,
                    switch (parameter) {
                        case "V" -> tensor.index_select(1, order);
                        case "U", "output", "output_bias" -> tensor.index_select(0, order);
                        case "hidden" ->
                                tensor.view(tensor.size(0), 3, -1)
                                        .index_select(1, order)
                                        .view(tensor.shape());
                        case "hidden_bias" ->
                                tensor.view(3, -1).index_select(0, order).view(tensor.shape());
                        default -> tensor.clone();
                    });
        });
        return permuted;
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void withOneSiteLayerwiseAndPartialAreFullReconstruction(long seed) {
        Scopes.run(() -> {
            Target target = Toy.target(Type.DOUBLE);
            try (Problem problem = problem(target, seed, "K1")) {
                double full =
                        total(
                                problem,
                                StepRunner.NONE,
                                List.of(reconstruct(new Masking.Stochastic(), new Routing.All())));
                for (Routing routing :
                        List.of(
                                new Routing.EachAlone(),
                                new Routing.RandomSubset(Drawn.PER_BATCH),
                                new Routing.RandomSubset(Drawn.PER_POSITION),
                                new Routing.Bernoulli(1, Drawn.PER_BATCH))) {
                    assertThat(
                                    total(
                                            problem,
                                            StepRunner.NONE,
                                            List.of(
                                                    reconstruct(
                                                            new Masking.Stochastic(), routing))))
                            .as(routing.toString())
                            .isEqualTo(full);
                }
            }
        });
    }

    @Test
    void layerwiseIsTheMeanOverItsSites() {
        List<LossTerm> layerwise =
                List.of(reconstruct(new Masking.Stochastic(), new Routing.EachAlone()));
        Scopes.run(() -> {
            Target target = Toy.target(Type.DOUBLE);
            try (Problem both = problem(target, 1, "Q0", "V1");
                    Problem first = problem(target, 1, "Q0");
                    Problem second = problem(target, 1, "V1")) {
                double mean =
                        (total(first, StepRunner.NONE, layerwise)
                                        + total(second, StepRunner.NONE, layerwise))
                                / 2;
                assertThat(total(both, StepRunner.NONE, layerwise))
                        .isCloseTo(mean, Offset.offset(1e-14));
            }
        });
    }

    @Test
    void aBatchRoutingThatReplacesNothingCostsNothing() {
        Scopes.run(() -> {
            Target target = Toy.target(Type.DOUBLE);
            try (Problem problem = problem(target, 1, "Q0", "V1")) {
                List<LossTerm> nowhere =
                        List.of(
                                reconstruct(
                                        new Masking.Stochastic(),
                                        new Routing.Bernoulli(0, Drawn.PER_BATCH)));
                assertThat(total(problem, StepRunner.NONE, nowhere)).isZero();
            }
        });
    }

    @Test
    void aTermThatIsNoNumberStopsTheStepAndIsNamed() {
        Scopes.run(() -> {
            Target target = Toy.target(Type.DOUBLE);
            try (Problem problem = problem(target, 1, "Q0", "V1");
                    Trainer trainer =
                            new Trainer(
                                    new Trainer.Method(
                                            1,
                                            10,
                                            StepRunner.NONE,
                                            ToyStreams.light(),
                                            ONE,
                                            1,
                                            new Adam.Settings(0.9, 0.999, 1e-8, 0),
                                            Optional.empty(),
                                            Optional.empty()),
                                    problem.decomposition(),
                                    problem.parameters(),
                                    2,
                                    2)) {
                Tensors.named("Q0.gate.output_bias", problem.parameters().views())
                        .fill_(Double.NaN);
                double[] before = Tensors.toDoubles(problem.parameters().flat());
                assertThatExceptionOfType(NonFiniteLoss.class)
                        .isThrownBy(trainer::step)
                        .withMessageStartingWith(
                                "loss term stochastic_reconstruction_partial must be finite, got NaN (step 0)");
                assertThat(trainer.nextStep()).isZero();
                assertThat(Tensors.toDoubles(problem.parameters().flat())).containsExactly(before);
            }
        });
    }

    private static LossTerm reconstruct(Masking source, Routing routing) {
        return new Reconstruction(ONE, source, routing, 1);
    }

    private static Problem problem(Target target, long seed, String... sites) {
        return Toy.problem(
                target, Toy.sites(target, 3, sites), Toy.SEQUENCE, Leak.SIGN_GATED, seed);
    }

    private static double total(Problem problem, Faithfulness faithfulness, List<LossTerm> terms) {
        Stream stream = new Stream(TASK, 5, WeightDelta.NONE, terms);
        try (Workers workers = new Workers(1);
                StepRunner runner =
                        new StepRunner(problem, List.of(stream), faithfulness, workers, 2, 9, 1)) {
            return runner.run(0).total();
        }
    }
}
