package cleave.training;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.model.Batch;
import cleave.model.InductionTransformer;
import cleave.model.InductionTransformer.Added;
import cleave.model.InductionTransformer.Code;
import cleave.model.InductionTransformer.Shape;
import cleave.model.Task;
import cleave.schedule.Schedule;
import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Differences;
import cleave.testing.PaddedTask;
import cleave.testing.Toy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TargetTrainerTest {
    private static final Shape SHAPE = Toy.shape(Code.LEARNED, Added.BEFORE);
    private static final PaddedTask TASK = new PaddedTask("toy", Toy.TOKENS, Toy.LENGTH, false);
    private static final long SEED = 3;
    private static final int ROWS = 5;

    @Test
    void theLossFalls() {
        Scopes.run(() -> {
            // Thirty steps on one batch.
            Task one = new Repeated(TASK);
            try (TargetTrainer trainer =
                    trainer(
                            Toy.weights(SHAPE, Type.FLOAT),
                            one,
                            30,
                            Schedule.constant(0.03),
                            new Adam.Settings(0.9, 0.999, 1e-8, 0),
                            Map.of(),
                            1,
                            5)) {
                List<Double> losses = new ArrayList<>();
                while (trainer.nextStep() < 30) {
                    losses.add(trainer.step());
                }
                assertThat(losses.getLast()).isLessThan(0.3 * losses.getFirst());
            }
        });
    }

    @ParameterizedTest
    @CsvSource({"1, 5, false", "2, 2, false", "3, 1, false", "1, 5, true", "2, 2, true"})
    void theGradientAgreesWithFiniteDifferences(int workers, int sliceRows, boolean padded) {
        PaddedTask task = new PaddedTask("toy", Toy.TOKENS, Toy.LENGTH, padded);
        Differences differences =
                new Differences("target training", 1e-6, "compare TargetTrainer.slice");
        Scopes.run(() -> {
            SortedMap<String, Tensor> weights = Toy.weights(SHAPE, Type.DOUBLE);
            // Without momentum and with a huge epsilon Adam subtracts the gradient itself.
            try (TargetTrainer trainer =
                    trainer(
                            weights,
                            task,
                            1,
                            Schedule.constant(1e15),
                            new Adam.Settings(0, 0, 1e15, 0),
                            Map.of(),
                            workers,
                            sliceRows)) {
                assertThat(trainer.step())
                        .isCloseTo(crossEntropy(task, weights), Offset.offset(1e-14));
                weights.forEach((name, before) -> {
                    double[] gradient =
                            Tensors.toDoubles(before.sub(Tensors.named(name, trainer.weights())));
                    double[] direction =
                            Draws.key(1, Purpose.INITIALISATION)
                                    .with(name)
                                    .normals(gradient.length);
                    double analytic = 0;
                    for (int i = 0; i < gradient.length; i++) {
                        analytic += gradient[i] * direction[i];
                    }
                    double step = 1e-5;
                    double numeric =
                            (crossEntropy(task, moved(weights, name, direction, step))
                                            - crossEntropy(
                                                    task, moved(weights, name, direction, -step)))
                                    / (2 * step);
                    differences.check(name, analytic, numeric);
                });
            }
        });
        differences.report();
    }

    private static SortedMap<String, Tensor> moved(
            SortedMap<String, Tensor> weights, String name, double[] direction, double step) {
        SortedMap<String, Tensor> moved = new TreeMap<>(weights);
        Tensor before = Tensors.named(name, weights);
        moved.put(name, before.add(Tensors.of(direction, Type.DOUBLE, before.shape()), step));
        return moved;
    }

    /// The mean of `-log softmax` at the labels that count, by hand.
    private static double crossEntropy(Task task, SortedMap<String, Tensor> weights) {
        Task.Examples examples = task.examples(SEED, Purpose.DATA, 0, ROWS);
        Batch batch = examples.batch();
        try (InductionTransformer target = new InductionTransformer(SHAPE, weights, () -> {})) {
            double[] logits = Tensors.toDoubles(target.forward(batch, Map.of(), null).outputs());
            long[] labels = Tensors.toLongs(examples.labels());
            Tensor flags = batch.losses().counted();
            double sum = 0;
            int count = 0;
            for (int i = 0; i < labels.length; i++) {
                if (flags != null && Tensors.toLongs(flags)[i] == 0) {
                    continue;
                }
                count++;
                double total = 0;
                for (int token = 0; token < Toy.TOKENS; token++) {
                    total += Math.exp(logits[i * Toy.TOKENS + token]);
                }
                sum += Math.log(total) - logits[i * Toy.TOKENS + (int) labels[i]];
            }
            return sum / count;
        }
    }

    @Test
    void stepsGiveTheSameWeightsForEverySliceSizeToRounding() {
        Scopes.run(() -> {
            double[] one = trained(1, 5);
            assertThat(trained(1, 5)).containsExactly(one);
            assertThat(trained(2, 2)).containsExactly(one, Offset.offset(1e-9));
        });
    }

    @Test
    void disturbedStepsDoNotDependOnSlicesAndDifferFromUndisturbedOnes() {
        Map<String, Disturbance> disturbances =
                Map.of(
                        "Q0", new Disturbance("Q0", 0.3, 0),
                        "Q1", new Disturbance("Q1", 0.3, 0.1),
                        "O0", new Disturbance("O0", 0, 0.5));
        Scopes.run(() -> {
            double[] one = trained(1, 5, disturbances);
            assertThat(trained(2, 2, disturbances)).containsExactly(one, Offset.offset(1e-9));
            assertThat(one).isNotEqualTo(trained(1, 5));
        });
    }

    private static double[] trained(int workers, int sliceRows) {
        return trained(workers, sliceRows, Map.of());
    }

    private static double[] trained(
            int workers, int sliceRows, Map<String, Disturbance> disturbances) {
        try (TargetTrainer trainer =
                trainer(
                        Toy.weights(SHAPE, Type.DOUBLE),
                        TASK,
                        5,
                        Schedule.constant(0.01),
                        new Adam.Settings(0.9, 0.999, 1e-8, 0.01),
                        disturbances,
                        workers,
                        sliceRows)) {
            while (trainer.nextStep() < 5) {
                trainer.step();
            }
            return Tensors.toDoubles(Tensors.named("blocks.0.query", trainer.weights()));
        }
    }

    private static TargetTrainer trainer(
            SortedMap<String, Tensor> weights,
            Task task,
            long steps,
            Schedule rate,
            Adam.Settings adam,
            Map<String, Disturbance> disturbances,
            int workers,
            int sliceRows) {
        return new TargetTrainer(
                new TargetTrainer.Method(SEED, steps, ROWS, rate, adam, disturbances),
                weights,
                List.of(),
                leaves -> new InductionTransformer(SHAPE, leaves, () -> {}),
                _ -> task,
                workers,
                sliceRows);
    }

    /// The first batch of a task at every step.
    private record Repeated(Task task) implements Task {
        @Override
        public String stream() {
            return task.stream();
        }

        @Override
        public List<String> marks() {
            return task.marks();
        }

        @Override
        public Examples examples(long seed, Draws.Purpose purpose, long first, int rows) {
            return task.examples(seed, purpose, 0, rows);
        }
    }
}
