package cleave.training;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Parameters.Leaves;
import cleave.importance.CausalImportance;
import cleave.loss.BatchSummary;
import cleave.loss.Faithfulness;
import cleave.loss.ImportanceSlice;
import cleave.loss.LossTerm;
import cleave.loss.Losses;
import cleave.model.Batch;
import cleave.ranks.Exchange;
import cleave.tensor.Device;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.training.TrainingStep.Opened;
import cleave.training.TrainingStep.Slice;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Runs the training step over slices of whole sequences on workers, and adds up what they find.
///
/// Of several ranks each takes its share of every stream's slices. What slices need to know of each
/// other, and what the step says of its losses, is merged over workers first and then over ranks;
/// gradients stay each rank's own (see `Update`). Draws are keyed by the example's number in the
/// whole batch, so neither slices nor ranks change one.
///
/// A slice's graph is built, differentiated and freed before the next one of its worker, so memory
/// does not grow with the batch. Losses that add up over slices need one pass. Terms that couple
/// the batch (frequency, usage, unused effect, used alone) depend on all slices: those come from a
/// first pass, whose summaries are merged before any gradient is taken (see `LossTerm`). Gate
/// graphs are kept between the two passes when they are small, and else computed again.
final class SlicedStep {
    /// What gates of a coupled batch would keep beyond this is computed twice instead.
    static final long KEPT_BYTES = 1L << 30;

    private final Decomposition decomposition;
    private final List<Stream> streams;
    private final Faithfulness faithfulness;
    private final List<Leaves> leaves;
    private final Workers workers;
    private final Exchange exchange;
    private final long seed;
    private final long steps;
    private final int sliceRows;
    private final long keptBytes;
    private Phases phases = Phases.NONE;

    SlicedStep(
            Decomposition decomposition,
            List<Stream> streams,
            Faithfulness faithfulness,
            List<Leaves> leaves,
            Workers workers,
            Exchange exchange,
            long seed,
            long steps,
            int sliceRows,
            long keptBytes) {
        this.decomposition = decomposition;
        this.streams = streams;
        this.faithfulness = faithfulness;
        this.leaves = leaves;
        this.workers = workers;
        this.exchange = exchange;
        this.seed = seed;
        this.steps = steps;
        this.sliceRows = sliceRows;
        this.keptBytes = keptBytes;
    }

    /// Tells `phases` from now on where each thread is.
    void listen(Phases phases) {
        this.phases = phases;
    }

    /// Fills the gradients of each worker's leaves; their sum is the step's.
    ///
    /// @param measured whether terms of coefficient 0 are to be computed too
    /// @throws NonFiniteLoss when a term is not finite
    StepOutcome gradients(long step, boolean measured) {
        return device().run(() -> gradientsHere(step, measured));
    }

    private Device device() {
        return decomposition.engine().device();
    }

    private StepOutcome gradientsHere(long step, boolean measured) {
        phases.enter(Phases.REST);
        leaves.forEach(Leaves::clear);
        phases.enter(Phases.DATA);
        Summaries summaries = new Summaries(streams);
        List<Slice> slices = slices(step, summaries);
        phases.enter(Phases.REST);
        Map<Integer, Scopes.Held<Opened>> held = new ConcurrentHashMap<>(); // by slice
        decomposition.engine().products().remember();
        try {
            addSummaries(slices, summaries, held, step);
            StepOutcome outcome = outcome(slices, summaries, held, step, measured);
            outcome.requireFinite(step);
            return outcome;
        } finally {
            release(slices.size(), held);
            decomposition.engine().products().forget();
        }
    }

    /// The first pass, over the slices of streams with coupled terms.
    private void addSummaries(
            List<Slice> slices,
            Summaries summaries,
            Map<Integer, Scopes.Held<Opened>> held,
            long at) {
        if (!summaries.couple()) {
            return;
        }
        boolean keep = keptBytes(slices) <= keptBytes;
        List<Summaries.Slice> found =
                onWorkers(
                        slices.size(),
                        (i, worker) -> {
                            Slice slice = slices.get(i);
                            TrainingStep step = step(worker);
                            if (!summaries.couples(slice.stream())) {
                                return Summaries.Slice.NONE;
                            }
                            if (!keep) {
                                return Scopes.run(() ->
                                        Scopes.withoutGradient(
                                                () -> summary(step.open(slice), summaries, at)));
                            }
                            Scopes.Held<Opened> opened = Scopes.hold(() -> step.open(slice));
                            held.put(i, opened);
                            return summary(opened.value(), summaries, at);
                        });
        for (int i = 0; i < slices.size(); i++) {
            summaries.add(slices.get(i).stream(), found.get(i));
        }
        if (exchange.size() > 1) {
            phases.enter(Phases.EXCHANGE);
            summaries.mergeOver(exchange, decomposition.sites());
            phases.enter(Phases.REST);
        }
    }

    private Summaries.Slice summary(Opened opened, Summaries summaries, long step) {
        return Scopes.run(() ->
                Scopes.withoutGradient(() ->
                        summaries.of(
                                opened.slice().stream(),
                                new ImportanceSlice(
                                        decomposition.engine(),
                                        opened.importances().stream()
                                                .map(CausalImportance::upper)
                                                .toList(),
                                        opened.slice().batch().valid(),
                                        step,
                                        steps))));
    }

    /// The second pass: losses and gradients of every slice, and faithfulness once.
    private StepOutcome outcome(
            List<Slice> slices,
            Summaries summaries,
            Map<Integer, Scopes.Held<Opened>> held,
            long step,
            boolean measured) {
        StepOutcome total = StepOutcome.nothing(streams, decomposition.sites());
        SliceOrder order = new SliceOrder();
        List<StepOutcome> outcomes =
                onWorkers(
                        slices.size(),
                        (i, worker) -> {
                            TrainingStep one = step(worker);
                            try (Scopes.Held<Opened> kept = held.remove(i)) {
                                if (i == 0 && exchange.rank() == 0) {
                                    faithfulness(total, step, measured);
                                }
                                return Scopes.run(() ->
                                        one.close(
                                                kept == null
                                                        ? one.open(slices.get(i))
                                                        : kept.value(),
                                                summaries,
                                                seed,
                                                step,
                                                order.of(i)));
                            } catch (RuntimeException failure) {
                                order.fail(failure);
                                throw failure;
                            } catch (Error failure) {
                                order.fail(new IllegalStateException("a slice failed", failure));
                                throw failure;
                            }
                        });
        outcomes.forEach(total::add);
        if (exchange.size() > 1) {
            phases.enter(Phases.EXCHANGE);
            total.mergeOver(exchange);
            coefficients(total, step);
            phases.enter(Phases.REST);
        }
        summaries.values(total);
        return total;
    }

    /// Notes every coefficient: a rank may have no slice of a stream, and faithfulness is computed
    /// by one alone.
    private void coefficients(StepOutcome outcome, long step) {
        outcome.coefficient(faithfulness.coefficient().at(step, steps));
        for (int stream = 0; stream < streams.size(); stream++) {
            List<LossTerm> terms = streams.get(stream).losses();
            for (int term = 0; term < terms.size(); term++) {
                outcome.coefficient(stream, term, terms.get(term).coefficient().at(step, steps));
            }
        }
    }

    private TrainingStep step(int worker) {
        return new TrainingStep(
                decomposition.on(leaves.get(worker).tensors()), streams, steps, phases);
    }

    /// Faithfulness, on the first worker of rank 0 beside the others' slices. Without a coefficient
    /// it has no gradient, and is only a number for the log.
    private void faithfulness(StepOutcome total, long step, boolean measured) {
        double coefficient = faithfulness.coefficient().at(step, steps);
        if (coefficient == 0 && !measured) {
            return;
        }
        phases.enter("faithfulness");
        Decomposition on = decomposition.on(leaves.getFirst().tensors());
        double value =
                Scopes.run(() -> {
                    if (coefficient == 0) {
                        return Tensors.number(
                                Scopes.withoutGradient(
                                        () -> Losses.faithfulness(on, faithfulness.relative())));
                    }
                    Tensor loss = Losses.faithfulness(on, faithfulness.relative());
                    loss.mul(coefficient).backward();
                    return Tensors.number(loss);
                });
        total.faithfulness(value, coefficient);
        phases.enter(Phases.REST);
    }

    /// Numbers of a stream's batch that ranks add up: its `BatchSummary.Sizes`.
    static final int SIZES = 3;

    /// This rank's sequences of a stream's batch, cut into slices.
    ///
    /// @param batch null where the rank has none
    /// @param starts of the slices in it, and its end
    private record Share(@Nullable Batch batch, int[] starts) {}

    /// This rank's slices, and the sizes of the streams' whole batches. Only its own examples are
    /// drawn.
    private List<Slice> slices(long step, Summaries summaries) {
        List<Share> shares = streams.stream().map(stream -> share(stream, step)).toList();
        sizes(shares, summaries);
        List<Slice> slices = new ArrayList<>();
        for (int index = 0; index < shares.size(); index++) {
            Batch batch = shares.get(index).batch();
            int[] starts = shares.get(index).starts();
            for (int i = 0; batch != null && i + 1 < starts.length; i++) {
                Batch rows = batch.rows(starts[i], starts[i + 1] - starts[i]);
                slices.add(new Slice(index, rows, summaries.sizes(index)));
            }
        }
        return slices;
    }

    private Share share(Stream stream, long step) {
        int ranks = exchange.size();
        int count = slices(stream.batch(), sliceRows, ranks); // of nearly one size
        int first = Math.ceilDiv(exchange.rank() * count, ranks);
        int end = Math.ceilDiv((exchange.rank() + 1) * count, ranks);
        int[] starts =
                IntStream.rangeClosed(first, end)
                        .map(i -> Math.toIntExact((long) i * stream.batch() / count))
                        .toArray();
        int from = starts[0];
        int rows = starts[starts.length - 1] - from;
        if (rows == 0) {
            return new Share(null, starts);
        }
        long example = step * stream.batch() + from;
        Batch batch = stream.task().examples(seed, Draws.Purpose.DATA, example, rows).batch();
        return new Share(batch, Arrays.stream(starts).map(start -> start - from).toArray());
    }

    private void sizes(List<Share> shares, Summaries summaries) {
        double[] numbers = new double[SIZES * shares.size()];
        for (int index = 0; index < shares.size(); index++) {
            Batch batch = shares.get(index).batch();
            if (batch != null) {
                BatchSummary.Sizes own = BatchSummary.Sizes.of(batch);
                numbers[SIZES * index] = own.sequences();
                numbers[SIZES * index + 1] = own.positions();
                numbers[SIZES * index + 2] = own.lossPositions();
            }
        }
        double[] all = exchange.sum(numbers);
        for (int index = 0; index < shares.size(); index++) {
            summaries.sizes(
                    index,
                    new BatchSummary.Sizes(
                            all[SIZES * index], all[SIZES * index + 1], all[SIZES * index + 2]));
        }
    }

    /// Into how many slices a batch is cut: as few as there may be, and as many for each rank.
    ///
    /// @param sliceRows most sequences of a slice
    static int slices(int batch, int sliceRows, int ranks) {
        return Math.min(batch, ranks * Math.ceilDiv(Math.ceilDiv(batch, ranks), sliceRows));
    }

    /// What the gates of a whole batch keep for their way back, about, in bytes.
    private long keptBytes(List<Slice> slices) {
        return slices.stream()
                .mapToLong(s ->
                        keptBytes(
                                decomposition,
                                s.batch().rows(),
                                s.batch().length(),
                                leaves.getFirst().gradient().element_size()))
                .sum();
    }

    /// What the gates of some sequences keep for their way back, about, in bytes.
    ///
    /// @param bytes of one number
    static long keptBytes(Decomposition decomposition, long sequences, long length, long bytes) {
        long numbers =
                decomposition
                        .function()
                        .kept(
                                decomposition.engine(),
                                decomposition.sites().stream().map(DecomposedSite::gated).toList(),
                                length);
        return sequences * length * numbers * bytes;
    }

    @FunctionalInterface
    private interface OnSlice<T> {
        T run(int slice, int worker);
    }

    /// Worker w takes slices w, w + workers, w + 2 workers, ...; results in the order of slices.
    private <T> List<T> onWorkers(int slices, OnSlice<T> work) {
        List<Callable<List<T>>> tasks = new ArrayList<>();
        for (int w = 0; w < workers.count(); w++) {
            int worker = w;
            tasks.add(() ->
                    device().run(() -> {
                        phases.enter(Phases.REST);
                        List<T> own = new ArrayList<>();
                        for (int i = worker; i < slices; i += workers.count()) {
                            own.add(work.run(i, worker));
                        }
                        phases.enter(Phases.WAITING);
                        return own;
                    }));
        }
        phases.enter(Phases.WAITING);
        List<List<T>> results = workers.run(tasks);
        phases.enter(Phases.REST);
        List<T> ordered = new ArrayList<>();
        for (int i = 0; i < slices; i++) {
            ordered.add(results.get(i % workers.count()).get(i / workers.count()));
        }
        return ordered;
    }

    /// Frees what a failed step left open; a scope closes on the thread that opened it.
    private void release(int slices, Map<Integer, Scopes.Held<Opened>> held) {
        if (!held.isEmpty()) {
            onWorkers(
                    slices,
                    (i, _) -> {
                        try (Scopes.Held<Opened> left = held.remove(i)) {
                            return left != null;
                        }
                    });
        }
    }
}
