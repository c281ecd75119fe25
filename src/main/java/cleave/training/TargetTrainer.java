package cleave.training;

import cleave.decomposition.Parameters;
import cleave.decomposition.Parameters.Leaves;
import cleave.schedule.Schedule;
import cleave.target.Batch;
import cleave.target.Target;
import cleave.target.Task;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.LongFunction;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/// Trains a target model to give the right token at the loss positions (cross-entropy).
public final class TargetTrainer implements AutoCloseable {

    /// What decides the course of training.
    ///
    /// @param seed of examples
    /// @param steps length of training
    /// @param batch sequences per step
    /// @param learningRate by step
    /// @param adam settings of the optimiser
    public record Method(
            long seed, long steps, int batch, Schedule learningRate, Adam.Settings adam) {}

    private final Method method;
    private final LongFunction<Task> taskAt;
    private final Parameters parameters;
    private final Adam adam;
    private final Workers workers;
    private final List<Leaves> leaves = new ArrayList<>();
    private final List<Target> targets = new ArrayList<>();
    private final int sliceRows;
    private long nextStep;

    /// A trainer at step 0.
    ///
    /// @param initial the first weights, all of one type
    /// @param target a target over given weights
    /// @param taskAt the task at a step, so that a curriculum can change it
    /// @param workers number of threads
    /// @param sliceRows sequences per slice
    public TargetTrainer(
            Method method,
            SortedMap<String, Tensor> initial,
            Function<SortedMap<String, Tensor>, Target> target,
            LongFunction<Task> taskAt,
            int workers,
            int sliceRows) {
        this.method = method;
        this.taskAt = taskAt;
        this.sliceRows = sliceRows;
        parameters = new Parameters(initial, Tensors.type(initial.values().iterator().next()));
        adam = new Adam(method.adam(), parameters.flat());
        this.workers = new Workers(workers);
        for (int i = 0; i < workers; i++) {
            leaves.add(parameters.leaves());
            targets.add(target.apply(leaves.get(i).tensors()));
        }
    }

    /// The trained weights by name.
    public SortedMap<String, Tensor> weights() {
        return parameters.views();
    }

    /// The step that comes next, counted from 0.
    public long nextStep() {
        return nextStep;
    }

    /// One update; the cross-entropy before it, nats.
    ///
    /// @throws NonFiniteLoss when it is not finite; nothing is updated
    public double step() {
        return Scopes.run(() -> {
            leaves.forEach(Leaves::clear);
            Task.Examples examples =
                    taskAt.apply(nextStep)
                            .examples(
                                    method.seed(),
                                    Draws.Purpose.DATA,
                                    nextStep * method.batch(),
                                    method.batch());
            double loss = gradients(examples);
            if (!Double.isFinite(loss)) {
                throw new NonFiniteLoss(nextStep, "cross_entropy", loss);
            }
            Tensor gradient = leaves.getFirst().gradient();
            leaves.subList(1, leaves.size()).forEach(other -> gradient.add_(other.gradient()));
            adam.updateInPlace(
                    parameters.flat(),
                    gradient,
                    method.learningRate().at(nextStep, method.steps()));
            nextStep++;
            return loss;
        });
    }

    private double gradients(Task.Examples examples) {
        double count = examples.batch().losses().count();
        List<Callable<Double>> tasks = new ArrayList<>();
        for (int w = 0; w < workers.count(); w++) {
            int worker = w;
            tasks.add(() -> {
                double sum = 0;
                int stride = sliceRows * workers.count();
                for (int row = worker * sliceRows; row < method.batch(); row += stride) {
                    int from = row;
                    int rows = Math.min(sliceRows, method.batch() - row);
                    sum +=
                            Scopes.run(() ->
                                    slice(
                                            targets.get(worker),
                                            examples.batch().rows(from, rows),
                                            examples.labels().narrow(0, from, rows),
                                            count));
                }
                return sum;
            });
        }
        return workers.run(tasks).stream().mapToDouble(Double::doubleValue).sum();
    }

    private static double slice(Target target, Batch batch, Tensor labels, double count) {
        Tensor logits = target.forward(batch, java.util.Map.of(), null).outputs(); // [B, P, tokens]
        Tensor right = Tensors.logSoftmax(logits).gather(2, labels.unsqueeze(2)); // [B, P, 1]
        Tensor loss = right.sum().mul(new Scalar(-1 / count));
        loss.backward();
        return Tensors.number(loss);
    }

    @Override
    public void close() {
        targets.forEach(Target::close);
        leaves.forEach(Leaves::close);
        workers.close();
        adam.close();
        parameters.close();
    }
}
