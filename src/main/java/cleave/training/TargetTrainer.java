package cleave.training;

import cleave.decomposition.Parameters;
import cleave.decomposition.Parameters.Leaves;
import cleave.loss.Divergence;
import cleave.model.Batch;
import cleave.model.Replacement;
import cleave.model.Target;
import cleave.model.Task;
import cleave.schedule.Schedule;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

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
    /// @param disturbances of sites, by their names
    public record Method(
            long seed,
            long steps,
            int batch,
            Schedule learningRate,
            Adam.Settings adam,
            Map<String, Disturbance> disturbances) {}

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
        Task.Examples sorted = shortestFirst(examples);
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
                                            trimmed(sorted.batch().rows(from, rows)),
                                            sorted.labels().narrow(0, from, rows),
                                            from,
                                            count));
                }
                return sum;
            });
        }
        return workers.run(tasks).stream().mapToDouble(Double::doubleValue).sum();
    }

    /// The sequences in the order of their lengths, so that slices hold little padding; the sum
    /// over them is the same.
    private static Task.Examples shortestFirst(Task.Examples examples) {
        Batch batch = examples.batch();
        if (batch.valid() == null) {
            return examples;
        }
        Tensor order = batch.valid().sum(1).argsort(); // [B]
        Tensor counted = batch.losses().counted();
        return new Task.Examples(
                new Batch(
                        batch.stream(),
                        batch.firstExample(),
                        batch.inputs().index_select(0, order),
                        batch.valid().index_select(0, order),
                        new Batch.LossPositions(
                                batch.losses().index().index_select(0, order),
                                counted == null ? null : counted.index_select(0, order))),
                examples.labels().index_select(0, order),
                new TreeMap<>());
    }

    /// The batch without the positions after its longest sequence.
    private static Batch trimmed(Batch batch) {
        if (batch.valid() == null) {
            return batch;
        }
        long length = batch.length();
        while (length > 1 && Tensors.number(batch.valid().select(1, length - 1).any()) == 0) {
            length--;
        }
        return new Batch(
                batch.stream(),
                batch.firstExample(),
                batch.inputs().narrow(1, 0, length),
                batch.valid().narrow(1, 0, length),
                batch.losses());
    }

    /// @param from row of the batch at which the slice begins
    private double slice(Target target, Batch batch, Tensor labels, int from, double count) {
        Tensor outputs = target.forward(batch, disturbed(batch, from), null).outputs();
        // [B, P, d_out]
        Tensor loss =
                switch (target.outputs()) {
                    case LOGITS ->
                            logLikelihood(outputs, labels, batch.losses().counted())
                                    .sum()
                                    .mul(-1 / count);
                    case VALUES ->
                            Divergence.from(Target.Outputs.VALUES, labels, batch.losses().counted())
                                    .sum(outputs)
                                    .mul(1 / count);
                };
        loss.backward();
        return Tensors.number(loss);
    }

    private Map<String, Replacement> disturbed(Batch batch, int from) {
        Draws.Key key = Draws.key(method.seed(), Draws.Purpose.DISTURBANCE).with(nextStep);
        long first = nextStep * method.batch() + from;
        int rows = Math.toIntExact(batch.inputs().size(0));
        int length = Math.toIntExact(batch.length());
        Map<String, Replacement> replaced = new HashMap<>();
        method.disturbances()
                .forEach((site, disturbance) ->
                        replaced.put(site, disturbance.of(site, key, first, rows, length)));
        return replaced;
    }

    /// The logarithm of the label's probability at each loss position `[B, P]`, zero where it does
    /// not count.
    private static Tensor logLikelihood(Tensor outputs, Tensor labels, @Nullable Tensor counted) {
        Tensor known = labels.clamp_min(0); // where nothing counts labels may be unknown
        Tensor each = Tensors.logSoftmax(outputs).gather(2, known.unsqueeze(2)).squeeze(2);
        return counted == null ? each : each.masked_fill(counted.logical_not(), 0);
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
