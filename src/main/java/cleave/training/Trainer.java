package cleave.training;

import cleave.config.Above;
import cleave.config.AtLeast;
import cleave.config.Default;
import cleave.decomposition.Compaction;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Parameters;
import cleave.decomposition.Parameters.Leaves;
import cleave.decomposition.Twins;
import cleave.loss.Faithfulness;
import cleave.loss.Losses;
import cleave.ranks.Exchange;
import cleave.schedule.Schedule;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// Trains a decomposition step by step and can be saved and continued exactly.
public final class Trainer implements AutoCloseable {

    /// What decides the course of training.
    ///
    /// @param seed of every draw
    /// @param steps length of the run
    /// @param faithfulness the term without data
    /// @param streams examples and their terms
    /// @param learningRate of the gates, and times `subcomponentRate` of U and V
    /// @param subcomponentRate that factor
    /// @param adam settings of the optimiser
    /// @param clipSubcomponents largest gradient norm of U and V
    /// @param clipGates largest gradient norm of the gates
    public record Method(
            long seed,
            long steps,
            Faithfulness faithfulness,
            List<Stream> streams,
            Schedule learningRate,
            double subcomponentRate,
            Adam.Settings adam,
            Optional<Double> clipSubcomponents,
            Optional<Double> clipGates) {}

    /// Steps on faithfulness alone before step 0 (spec S4).
    public record Warmup(
            @AtLeast(1) int steps,
            @Above(0) double learningRate,
            @AtLeast(0) @Default("0.0") double weightDecay) {}

    /// What a step reports.
    ///
    /// @param step its number
    /// @param learningRate that was used
    /// @param outcome losses and use
    /// @param subcomponentNorm gradient norm of U and V before clipping
    /// @param gateNorm gradient norm of the gates before clipping
    public record Report(
            long step,
            double learningRate,
            StepOutcome outcome,
            double subcomponentNorm,
            double gateNorm) {}

    /// Where a term couples the batch, gates keep at most this many bytes between the two passes;
    /// what would be more is computed twice.
    public static final long KEPT_BYTES = SlicedStep.KEPT_BYTES;

    private final Method method;
    private final Decomposition decomposition;
    private final Parameters parameters;
    private final Workers workers;
    private final Exchange exchange;
    private final List<Leaves> leaves = new ArrayList<>();
    private final SlicedStep slicedStep;
    private final int sliceRows;
    private final Adam adam;
    private final Update update;
    private final SortedMap<String, long[]> idle = new TreeMap<>();
    private Phases phases = Phases.NONE;
    private long nextStep;
    private boolean endsWorkers = true;

    /// A trainer at step 0.
    ///
    /// @param decomposition on the views of `parameters`
    /// @param workers number of threads
    /// @param sliceRows sequences per slice
    public Trainer(
            Method method,
            Decomposition decomposition,
            Parameters parameters,
            int workers,
            int sliceRows) {
        this(method, decomposition, parameters, workers, Exchange.alone(), sliceRows);
    }

    /// A trainer at step 0, of one rank of several: every rank has one, with the same method and
    /// the same parameters, and takes every step with the others.
    ///
    /// @param workers number of this rank's threads
    /// @param exchange with the other ranks; whoever made it closes it, after this trainer
    public Trainer(
            Method method,
            Decomposition decomposition,
            Parameters parameters,
            int workers,
            Exchange exchange,
            int sliceRows) {
        this(method, decomposition, parameters, new Workers(workers), exchange, sliceRows);
    }

    private Trainer(
            Method method,
            Decomposition decomposition,
            Parameters parameters,
            Workers workers,
            Exchange exchange,
            int sliceRows) {
        this.method = method;
        this.decomposition = decomposition;
        this.parameters = parameters;
        this.sliceRows = sliceRows;
        this.workers = workers;
        this.exchange = exchange;
        Leaves first = parameters.leaves();
        leaves.add(first);
        for (int i = 1; i < workers.count(); i++) {
            leaves.add(parameters.leaves(first));
        }
        adam = new Adam(method.adam(), parameters.flat());
        update =
                new Update(
                        decomposition.engine(),
                        parameters,
                        leaves,
                        adam,
                        workers,
                        exchange,
                        method.clipSubcomponents(),
                        method.clipGates());
        decomposition.sites().forEach(site -> idle.put(site.name(), new long[site.count()]));
        slicedStep =
                new SlicedStep(
                        decomposition,
                        method.streams(),
                        method.faithfulness(),
                        leaves,
                        workers,
                        exchange,
                        method.seed(),
                        method.steps(),
                        sliceRows,
                        SlicedStep.KEPT_BYTES);
    }

    /// Brings U and V close to the weights before step 0.
    public void warmUp(Warmup warmup) {
        Adam.Settings settings = new Adam.Settings(0.9, 0.999, 1e-8, warmup.weightDecay());
        Leaves first = leaves.getFirst();
        Scopes.run(() -> {
            Tensor values = subcomponents(parameters.flat());
            try (Adam ownAdam = new Adam(settings, values)) {
                for (int i = 0; i < warmup.steps(); i++) {
                    Scopes.run(() -> {
                        first.clear();
                        Losses.faithfulness(decomposition.on(first.tensors()), false).backward();
                        ownAdam.updateInPlace(
                                values, subcomponents(first.gradient()), warmup.learningRate());
                    });
                }
            }
        });
    }

    /// The step that comes next, counted from 0.
    public long nextStep() {
        return nextStep;
    }

    /// Tells `phases` from now on where each thread is in a step.
    public void listen(Phases phases) {
        this.phases = phases;
        slicedStep.listen(phases);
    }

    /// Computes gradients and updates the parameters; every term is computed.
    ///
    /// @throws NonFiniteLoss when a term or a gradient is not finite; nothing is updated
    public Report step() {
        return step(true);
    }

    /// Computes gradients and updates the parameters.
    ///
    /// @param measured whether terms of coefficient 0 are to be computed too, for the log
    /// @throws NonFiniteLoss when a term or a gradient is not finite; nothing is updated
    public Report step(boolean measured) {
        return Scopes.run(() -> {
            StepOutcome outcome = slicedStep.gradients(nextStep, measured);
            phases.enter(Phases.OPTIMIZER);
            double rate = method.learningRate().at(nextStep, method.steps());
            Update.Norms norms = update.apply(nextStep, rate * method.subcomponentRate(), rate);
            phases.enter(Phases.REST);
            count(outcome);
            return new Report(nextStep++, rate, outcome, norms.subcomponents(), norms.gates());
        });
    }

    /// Looks for twins on the examples of the next step, and lets one of each pair take over what
    /// both write (spec W1 to W5).
    ///
    /// @return by site, places among its living subcomponents; sites without any are absent
    public SortedMap<String, List<Twins.Handover>> handOver(Twins.Settings settings) {
        return Scopes.run(() ->
                TwinSearch.handOverInPlace(
                        decomposition,
                        method.streams(),
                        settings,
                        method.seed(),
                        nextStep,
                        sliceRows));
    }

    private Tensor subcomponents(Tensor flat) {
        return flat.narrow(0, 0, parameters.subcomponentNumbers());
    }

    private void count(StepOutcome outcome) {
        long examples = examplesPerStep();
        for (int site = 0; site < decomposition.sites().size(); site++) {
            long[] counts = idle(decomposition.sites().get(site).name());
            for (int c = 0; c < counts.length; c++) {
                counts[c] = outcome.used(site, c) ? 0 : counts[c] + examples;
            }
        }
    }

    private long[] idle(String site) {
        return Objects.requireNonNull(idle.get(site));
    }

    /// How many examples ago each subcomponent of a site last had an importance above 0.
    public long[] examplesSinceUse(String site) {
        return idle(site).clone();
    }

    /// How many steps ago each subcomponent of a site last had an importance above 0.
    public long[] stepsSinceUse(String site) {
        long examples = examplesPerStep();
        return Arrays.stream(idle(site)).map(idle -> idle / examples).toArray();
    }

    private long examplesPerStep() {
        return method.streams().stream().mapToLong(Stream::batch).sum();
    }

    /// A trainer that stands where this one does, for what is left when subcomponents were merged:
    /// it has the step, and the moments and counts of those that are left (spec C2). It takes the
    /// threads too, and ends them when it is closed: what a thread frees waits for that thread, and
    /// new threads after each merging would each keep a slice's memory.
    ///
    /// @param merged on the views of `left`
    public Trainer after(Decomposition merged, Parameters left) {
        Trainer next = new Trainer(method, merged, left, workers, exchange, sliceRows);
        endsWorkers = false;
        next.listen(phases);
        next.nextStep = nextStep;
        Scopes.run(() -> {
            next.adam.restore(
                    next.moment(this, adam.firstMoment()),
                    next.moment(this, adam.secondMoment()),
                    adam.updates());
            for (int at = 0; at < merged.sites().size(); at++) {
                DecomposedSite site = merged.sites().get(at);
                long[] counts = idle(site.name());
                int[] places = site.placesIn(decomposition.sites().get(at));
                next.idle.put(
                        site.name(), Arrays.stream(places).mapToLong(c -> counts[c]).toArray());
            }
        });
        return next;
    }

    private Tensor moment(Trainer earlier, Tensor moment) {
        return parameters.flat(
                Compaction.narrow(
                        earlier.parameters.parts(moment),
                        earlier.decomposition.sites(),
                        decomposition.sites(),
                        decomposition.function()));
    }

    /// Everything beside the parameters that the next step depends on, as tensors by name.
    public SortedMap<String, Tensor> state() {
        SortedMap<String, Tensor> state = new TreeMap<>();
        state.put("step", Tensors.of(new long[] {nextStep}, 1));
        state.put("adam.updates", Tensors.of(new long[] {adam.updates()}, 1));
        state.put("adam.first_moment", adam.firstMoment());
        state.put("adam.second_moment", adam.secondMoment());
        idle.forEach((site, counts) ->
                state.put("examples_since_use." + site, Tensors.of(counts, counts.length)));
        return state;
    }

    /// Continues from saved parameters and state.
    ///
    /// @throws IllegalArgumentException when something is missing
    public void restore(Map<String, Tensor> saved, Map<String, Tensor> state) {
        parameters.set(saved);
        nextStep = Tensors.toLongs(Tensors.named("step", state))[0];
        adam.restore(
                Tensors.named("adam.first_moment", state),
                Tensors.named("adam.second_moment", state),
                Tensors.toLongs(Tensors.named("adam.updates", state))[0]);
        idle.replaceAll(
                (site, _) -> Tensors.toLongs(Tensors.named("examples_since_use." + site, state)));
    }

    @Override
    public void close() {
        if (endsWorkers) {
            workers.close();
        }
        leaves.forEach(Leaves::close);
        adam.close();
    }
}
