package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.decomposition.Compaction;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Parameters;
import cleave.importance.GlobalMlp;
import cleave.importance.ImportanceFunction;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.Mlp;
import cleave.importance.SharedMlp;
import cleave.importance.VectorMlp;
import cleave.loss.Faithfulness;
import cleave.loss.ImportanceMinimality;
import cleave.loss.ImportanceMinimality.PositionReduction;
import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.loss.Usage;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.WeightDelta;
import cleave.model.Target;
import cleave.schedule.Schedule;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.PaddedTask;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// A step after a merging beside the same step before it, in float64. Subcomponents 0 and 2 of
/// every site are dead.
class CompactedStepTest {
    private static final Compaction.Settings SETTINGS =
            new Compaction.Settings(5, 1, Optional.empty());
    private static final Schedule ONE = Schedule.constant(1);
    private static final PaddedTask TASK = new PaddedTask("toy", Toy.TOKENS, 5, true);
    private static final List<LossTerm> TERMS =
            List.of(
                    new Reconstruction(ONE, new Masking.Importance(), new Routing.All(), 1),
                    new Reconstruction(ONE, new Masking.Importance(), new Routing.EachAlone(), 1),
                    new ImportanceMinimality(
                            ONE, Schedule.constant(0.5), 1e-3, true, PositionReduction.MEAN, 0.3),
                    new Usage(ONE, 0.5, 1e-2));
    private static final List<Stream> STREAMS =
            List.of(new Stream(TASK, 4, WeightDelta.STOCHASTIC, TERMS));
    private static final Faithfulness FAITHFULNESS = new Faithfulness(ONE, false);

    private static List<ImportanceFunction> functions() {
        return List.of(
                Toy.SEQUENCE,
                new VectorMlp(2),
                new SharedMlp(3),
                new Mlp(2),
                new GlobalMlp(List.of(3, 2)));
    }

    @ParameterizedTest
    @MethodSource("functions")
    void lossesAndGradientsOfTheLivingStay(ImportanceFunction function) {
        Scopes.run(() -> {
            try (Problem before = problem(function);
                    Parameters left = parameters(merged(before));
                    Workers workers = new Workers(1)) {
                Decomposition after = merged(before).on(left.views());
                Step whole = step(before, workers);
                // The target is closed with the first problem.
                Step compacted = step(new Problem(after, left), workers);
                double[] terms = values(whole.outcome());
                assertThat(terms).hasSize(5);
                assertThat(values(compacted.outcome()))
                        .containsExactly(terms, Offset.offset(1e-12));
                SortedMap<String, Tensor> expected =
                        Compaction.narrow(
                                whole.gradients(),
                                before.decomposition().sites(),
                                after.sites(),
                                function);
                assertThat(compacted.gradients().keySet()).isEqualTo(expected.keySet());
                // Dead gates pull at what all gates of a site share, by the leak, until they are
                // merged.
                compacted.gradients().keySet().removeIf(name -> !hasOnePartEach(name, function));
                assertThat(compacted.gradients()).hasSizeGreaterThanOrEqualTo(8);
                compacted
                        .gradients()
                        .forEach((name, gradient) ->
                                assertThat(Tensors.toDoubles(gradient))
                                        .as(name)
                                        .containsExactly(
                                                Tensors.toDoubles(Tensors.named(name, expected)),
                                                Offset.offset(1e-11)));
            }
        });
    }

    private static double[] values(StepOutcome outcome) {
        return outcome.terms().values().stream().mapToDouble(Double::doubleValue).toArray();
    }

    private static boolean hasOnePartEach(String name, ImportanceFunction function) {
        boolean shared =
                function instanceof SharedMlp
                        ? name.contains(".hidden")
                        : name.matches(".*[.](query|key|value|relative|absolute)");
        return !shared && !name.startsWith("gate.");
    }

    private record Step(StepOutcome outcome, SortedMap<String, Tensor> gradients) {}

    private static Step step(Problem problem, Workers workers) {
        try (StepRunner runner =
                new StepRunner(problem, STREAMS, FAITHFULNESS, workers, 3, 7, 10)) {
            StepOutcome outcome = runner.run(2);
            SortedMap<String, Tensor> gradients = new TreeMap<>();
            runner.gradients()
                    .forEach((name, values) ->
                            gradients.put(
                                    name,
                                    Tensors.of(
                                            values,
                                            Type.DOUBLE,
                                            Tensors.named(name, problem.parameters().views())
                                                    .shape())));
            return new Step(outcome, gradients);
        }
    }

    @Test
    void theReceiptSaysWhatStayedAndWhatWasSaved() {
        Scopes.run(() -> {
            try (Problem problem = problem(new VectorMlp(2))) {
                Decomposition before = problem.decomposition();
                CompactionReceipt receipt = receipt(before, merged(problem));
                assertThat(receipt.sites().get("V0")).isEqualTo(new CompactionReceipt.Counts(2, 1));
                assertThat(receipt.largestImportance()).isZero();
                assertThat(receipt.gMaskedDifference()).isLessThan(1e-12);
                assertThat(receipt.unchanged()).isTrue();
                // Another mask on the dead part of two sites: near, but not the same.
                assertThat(receipt.stochasticReconstruction().after())
                        .isNotEqualTo(receipt.stochasticReconstruction().before())
                        .isPositive();
                // Width 4: V and U 8 numbers per subcomponent, its gate (4 + 1 + 1) 2 + 1 = 13; at
                // two sites, with two moments each, of 8 bytes.
                assertThat(receipt.bytes())
                        .isEqualTo(new CompactionReceipt.Change(3 * 21 * 48, 21 * 48));
                assertThat(receipt.line())
                        .startsWith(
                                "step 6: merged 4 dead subcomponents, left 2 (V0 1, Q1 1); g-masked");
            }
        });
    }

    @Test
    void theReceiptFindsAMergingOfWhatIsUsed() {
        Scopes.run(() -> {
            try (Problem problem = problem(new VectorMlp(2))) {
                Decomposition before = problem.decomposition();
                List<DecomposedSite> left =
                        Compaction.living(
                                before.sites(), _ -> new long[] {0, 9, 9}, SETTINGS); // 1 is alive
                CompactionReceipt receipt = receipt(before, Compaction.merge(before, left));
                assertThat(receipt.unchanged()).isFalse();
                assertThat(receipt.largestImportance()).isBetween(0.1, 1.0);
            }
        });
    }

    private static CompactionReceipt receipt(Decomposition before, Decomposition after) {
        return CompactionReceipt.of(6, before, after, TASK, WeightDelta.NONE, 24);
    }

    @Test
    void aTrainerGoesOnWithTheMomentsOfTheLiving() {
        Scopes.run(() -> {
            try (Problem problem = problem(new VectorMlp(2));
                    Parameters left = parameters(merged(problem));
                    Trainer first = trainer(problem.decomposition(), problem.parameters())) {
                first.step();
                first.step();
                assertThat(first.stepsSinceUse("V0")[0]).isEqualTo(2);
                assertThat(first.stepsSinceUse("V0")[1]).isZero();
                Decomposition merged = merged(problem);
                left.set(merged.tensors());
                try (Trainer second = first.after(merged.on(left.views()), left)) {
                    assertThat(second.nextStep()).isEqualTo(2);
                    assertThat(second.examplesSinceUse("V0"))
                            .containsExactly(first.examplesSinceUse("V0")[1]);
                    // Masks g make no difference between the two; the update needs both moments.
                    first.step();
                    second.step();
                    Map<String, Tensor> expected = merged(problem).tensors();
                    left.views()
                            .forEach((name, actual) ->
                                    assertThat(Tensors.toDoubles(actual))
                                            .as(name)
                                            .containsExactly(
                                                    Tensors.toDoubles(
                                                            Tensors.named(name, expected)),
                                                    Offset.offset(1e-9)));
                }
            }
        });
    }

    private static Trainer trainer(Decomposition decomposition, Parameters parameters) {
        return new Trainer(
                new Trainer.Method(
                        7,
                        10,
                        FAITHFULNESS,
                        STREAMS,
                        Schedule.constant(1e-3),
                        1,
                        new Adam.Settings(0.9, 0.999, 1e-8, 0),
                        Optional.empty(),
                        Optional.empty()),
                decomposition,
                parameters,
                1,
                4);
    }

    private static Parameters parameters(Decomposition decomposition) {
        return new Parameters(decomposition.parameters(), Type.DOUBLE);
    }

    private static Decomposition merged(Problem problem) {
        Decomposition before = problem.decomposition();
        return Compaction.merge(
                before, Compaction.living(before.sites(), _ -> new long[] {9, 0, 9}, SETTINGS));
    }

    /// Three subcomponents at each of two sites; the importances of the first and the last are 0
    /// everywhere, by a large negative bias.
    private static Problem problem(ImportanceFunction function) {
        Target target = Toy.target(Type.DOUBLE);
        Problem problem =
                Toy.problem(target, Toy.sites(target, 3, "V0", "Q1"), function, Leak.SIGN_GATED, 3);
        for (String site : List.of("V0", "Q1")) {
            Tensors.named(site + ".gate.output_bias", problem.parameters().views())
                    .copy_(Tensors.of(new double[] {-100, 0.5, -100}, Type.DOUBLE, 3));
        }
        return problem;
    }
}
