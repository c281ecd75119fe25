package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.model.Target;
import cleave.schedule.Schedule;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Problem;
import cleave.testing.Toy;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// The same seed gives the same run (spec R5).
class DeterminismTest {
    private static final int STEPS = 20;
    private static final Trainer.Method METHOD =
            new Trainer.Method(
                    7,
                    STEPS,
                    ToyStreams.FAITHFULNESS,
                    ToyStreams.light(),
                    new Schedule.QuarterCosine(4e-3, 0, Optional.empty(), Optional.empty()),
                    1,
                    new Adam.Settings(0.9, 0.999, 1e-8, 0.01),
                    Optional.of(0.5),
                    Optional.of(1.0));

    private static final float[] ONE_WORKER = run(1, 1, Type.FLOAT);

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4})
    void oneWorkerCountGivesOneSetOfBytes(int workers) {
        float[] parameters = run(workers, 1, Type.FLOAT);
        assertThat(bits(run(workers, 1, Type.FLOAT))).isEqualTo(bits(parameters));
        double difference = difference(parameters, ONE_WORKER);
        System.out.printf("%d workers: %.1e from one%n", workers, difference);
        assertThat(difference).isLessThan(1e-5);
    }

    @Test
    void sliceSizeChangesNoDraw() {
        // In float64 a different draw would show at once; sums in another order do not.
        float[] whole = run(1, 5, Type.DOUBLE);
        for (int sliceRows : new int[] {1, 3}) {
            assertThat(difference(run(2, sliceRows, Type.DOUBLE), whole)).isLessThan(1e-7);
        }
    }

    @Test
    void readingAndEvaluatingBetweenStepsChangesNoBit() {
        float[] watched =
                run(
                        1,
                        1,
                        Type.FLOAT,
                        (trainer, problem) ->
                                Scopes.run(() -> {
                                    trainer.state();
                                    trainer.examplesSinceUse("Q0");
                                    Stream stream = METHOD.streams().getFirst();
                                    problem.decomposition()
                                            .target()
                                            .clean(
                                                    stream.task()
                                                            .examples(0, Purpose.EVALUATION, 0, 3)
                                                            .batch());
                                }));
        assertThat(bits(watched)).isEqualTo(bits(ONE_WORKER));
    }

    @Test
    void aRestoredRunContinuesBitForBit() {
        float[] uninterrupted = run(2, 2, Type.FLOAT);
        Scopes.run(() -> {
            SortedMap<String, Tensor> parameters = new TreeMap<>();
            SortedMap<String, Tensor> state = new TreeMap<>();
            try (Problem problem = problem(Type.FLOAT);
                    Trainer trainer = trainer(problem, 2, 2)) {
                while (trainer.nextStep() < STEPS / 2) {
                    trainer.step();
                }
                copy(problem.parameters().views(), parameters);
                copy(trainer.state(), state);
            }
            try (Problem problem = problem(Type.FLOAT);
                    Trainer trainer = trainer(problem, 2, 2)) {
                trainer.restore(parameters, state);
                assertThat(trainer.nextStep()).isEqualTo(STEPS / 2);
                while (trainer.nextStep() < STEPS) {
                    trainer.step();
                }
                assertThat(bits(Tensors.toFloats(problem.parameters().flat())))
                        .isEqualTo(bits(uninterrupted));
            }
        });
    }

    @Test
    void theStateHoldsHowLongEachSubcomponentWasIdle() {
        Scopes.run(() -> {
            try (Problem problem = problem(Type.FLOAT);
                    Trainer trainer = trainer(problem, 1, 4);
                    Trainer restored = trainer(problem, 1, 4)) {
                Tensor bias = Tensors.named("Q0.gate.output_bias", problem.parameters().views());
                bias.narrow(0, 0, 1).fill_(-100);
                bias.narrow(0, 1, 2).fill_(100);
                trainer.step();
                trainer.step();
                // Two steps of 5 examples without the first, none without the others.
                assertThat(trainer.examplesSinceUse("Q0")).containsExactly(10, 0, 0);
                restored.restore(problem.parameters().views(), trainer.state());
                assertThat(restored.examplesSinceUse("Q0")).containsExactly(10, 0, 0);
            }
        });
    }

    private static void copy(Map<String, Tensor> from, Map<String, Tensor> to) {
        from.forEach((name, tensor) -> to.put(name, tensor.clone()));
    }

    /// The parameters after a whole run.
    private static float[] run(int workers, int sliceRows, Type type) {
        return run(workers, sliceRows, type, (_, _) -> {});
    }

    /// The parameters after a whole run with something else to do after every step.
    private static float[] run(
            int workers, int sliceRows, Type type, BiConsumer<Trainer, Problem> afterStep) {
        return Scopes.run(() -> {
            try (Problem problem = problem(type);
                    Trainer trainer = trainer(problem, workers, sliceRows)) {
                while (trainer.nextStep() < STEPS) {
                    trainer.step();
                    afterStep.accept(trainer, problem);
                }
                return Tensors.toFloats(problem.parameters().flat());
            }
        });
    }

    private static Problem problem(Type type) {
        Target target = Toy.target(type);
        return Toy.problem(
                target, Toy.sites(target, 3, "Q0", "V1"), Toy.SEQUENCE, Leak.SIGN_GATED, 1);
    }

    private static Trainer trainer(Problem problem, int workers, int sliceRows) {
        return new Trainer(
                METHOD, problem.decomposition(), problem.parameters(), workers, sliceRows);
    }

    private static int[] bits(float[] values) {
        int[] bits = new int[values.length];
        Arrays.setAll(bits, i -> Float.floatToRawIntBits(values[i]));
        return bits;
    }

    /// The norm of the difference relative to the norm.
    private static double difference(float[] actual, float[] expected) {
        double difference = 0;
        double size = 0;
        for (int i = 0; i < expected.length; i++) {
            double gap = (double) actual[i] - expected[i];
            difference += gap * gap;
            size += (double) expected[i] * expected[i];
        }
        return Math.sqrt(difference / size);
    }
}
