package cleave.training;

import cleave.decomposition.Parameters;
import cleave.decomposition.Parameters.Leaves;
import cleave.loss.Divergence;
import cleave.schedule.Schedule;
import cleave.target.Batch;
import cleave.target.Target;
import cleave.target.Task;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.LongFunction;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/// Trains a target model to give the right answer at the loss positions: cross-entropy for tokens,
/// mean squared error for values.
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
    private final SortedMap<String, Tensor> frozen = new TreeMap<>();
    private final Adam adam;
    private final Workers workers;
    private final List<Leaves> leaves = new ArrayList<>();
    private final List<Target> targets = new ArrayList<>();
    private final int sliceRows;
    private long nextStep;

    /// A trainer at step 0.
    ///
    /// @param initial the first weights, all of one type
    /// @param frozen names of those that stay as they are
    /// @param target a target over given weights
    /// @param taskAt the task at a step, so that a curriculum can change it
    /// @param workers number of threads
    /// @param sliceRows sequences per slice
    public TargetTrainer(
            Method method,
            SortedMap<String, Tensor> initial,
            Collection<String> frozen,
            Function<SortedMap<String, Tensor>, Target> target,
            LongFunction<Task> taskAt,
            int workers,
            int sliceRows) {
        this.method = method;
        this.taskAt = taskAt;
        this.sliceRows = sliceRows;
        SortedMap<String, Tensor> trained = new TreeMap<>(initial);
        frozen.forEach(name -> {
            this.frozen.put(name, Scopes.own(Tensors.named(name, initial)));
            trained.remove(name);
        });
        parameters = new Parameters(trained, Tensors.type(trained.values().iterator().next()));
        adam = new Adam(method.adam(), parameters.flat());
        this.workers = new Workers(workers);
        for (int i = 0; i < workers; i++) {
            leaves.add(parameters.leaves());
            targets.add(target.apply(withFrozen(leaves.get(i).tensors())));
        }
    }

    private SortedMap<String, Tensor> withFrozen(SortedMap<String, Tensor> trained) {
        SortedMap<String, Tensor> all = new TreeMap<>(trained);
        all.putAll(frozen);
        return all;
    }

    /// All weights by name.
    public SortedMap<String, Tensor> weights() {
        return withFrozen(parameters.views());
    }

    /// The step that comes next, counted from 0.
    public long nextStep() {
        return nextStep;
    }

    /// One update; the loss before it: cross-entropy in nats, or mean squared error.
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
                throw new NonFiniteLoss(nextStep, lossName(), loss);
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
        Tensor outputs = target.forward(batch, java.util.Map.of(), null).outputs(); // [B, P, d_out]
        Tensor loss =
                switch (target.outputs()) {
                    case LOGITS ->
                            Tensors.logSoftmax(outputs)
                                    .gather(2, labels.unsqueeze(2))
                                    .sum()
                                    .mul(new Scalar(-1 / count));
                    case VALUES ->
                            Divergence.from(Target.Outputs.VALUES, labels, batch.losses().counted())
                                    .sum(outputs)
                                    .mul(new Scalar(1 / count));
                };
        loss.backward();
        return Tensors.number(loss);
    }

    private String lossName() {
        return switch (targets.getFirst().outputs()) {
            case LOGITS -> "cross_entropy";
            case VALUES -> "mean_squared_error";
        };
    }

    @Override
    public void close() {
        targets.forEach(Target::close);
        leaves.forEach(Leaves::close);
        workers.close();
        adam.close();
        parameters.close();
        frozen.values().forEach(Scopes::release);
    }
}
