package cleave.training;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Parameters;
import cleave.decomposition.Parameters.Leaves;
import cleave.importance.CausalImportance;
import cleave.importance.GatesPass.Turns;
import cleave.loss.BatchSummary;
import cleave.loss.ImportanceSlice;
import cleave.loss.LossTerm;
import cleave.loss.Losses;
import cleave.loss.Reconstruction;
import cleave.mask.Routing;
import cleave.mask.Routing.Drawn;
import cleave.model.Batch;
import cleave.tensor.Draws;
import cleave.tensor.Meter;
import cleave.tensor.Scopes;
import cleave.training.TrainingStep.Opened;
import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.LongSupplier;

/// A training step on a few sequences of each stream, run to see what it costs: the same code as in
/// training, on one thread, and no parameter changes.
///
/// What a whole step costs follows from a few sequences, because a slice is a product of its parts:
/// products of matrices and Java's heap grow in proportion to the sequences, and memory by as much
/// for each of them.
///
/// @param on the decomposition, on the engine whose cost is wanted
/// @param parameters that it is on
/// @param method decides what a step computes
public record DryStep(Decomposition on, Parameters parameters, Trainer.Method method) {
    /// Up to this many sequences a slice is run as it is.
    private static final int FEW = 4;

    /// What a step costs.
    ///
    /// @param heap bytes that one step takes from Java's heap, all workers together
    /// @param shared bytes that are made once and stay, such as weights in another type
    /// @param slices bytes of all slices at work, without what their gates keep
    /// @param gates bytes that gates keep: of the slices at work, or where a term couples the batch
    ///   of all slices, unless that is too much
    /// @param transfers how often numbers go from Java into tensors or back, of all slices
    public record Cost(double heap, long shared, long slices, long gates, long transfers) {}

    /// Runs it as in the middle of the run, and says what it costs.
    ///
    /// @param workers how many slices are at work at a time
    /// @param sliceRows most sequences of a slice
    public Cost cost(int workers, int sliceRows) {
        return cost(workers, sliceRows, 1);
    }

    /// The same for each of several ranks.
    ///
    /// @param workers of a rank
    public Cost cost(int workers, int sliceRows, int ranks) {
        return measured(middle(), runner -> runner.cost(workers, sliceRows, ranks));
    }

    /// Bytes of the numbers that a rank gives into the exchanges of one step: how large its share
    /// of each batch is, its gradients, its losses with what it used, and the summaries of terms
    /// that couple the batch, in which every rank has its place.
    public long exchanged(int ranks) {
        if (ranks == 1) {
            return 0;
        }
        long subcomponents = on.sites().stream().mapToLong(DecomposedSite::count).sum();
        long terms = method.streams().stream().mapToLong(stream -> stream.losses().size()).sum();
        long coupled =
                method.streams().stream()
                        .flatMap(stream -> stream.losses().stream())
                        .filter(LossTerm::couples)
                        .count();
        long sizes = (long) SlicedStep.SIZES * method.streams().size();
        long outcome = 1 + terms + 2 + subcomponents;
        long summaries = coupled * ranks * (1 + subcomponents);
        long goesOn = 1;
        return parameters.flat().nbytes() + Double.BYTES * (sizes + outcome + summaries + goesOn);
    }

    /// Half way every schedule has begun.
    private long middle() {
        return method.steps() / 2;
    }

    private <T> T measured(long step, Function<Runner, T> work) {
        return Scopes.run(() -> {
            try (Meter meter = Meter.open();
                    Leaves leaves = parameters.leaves()) {
                Runner runner = new Runner(meter, leaves, step);
                on.engine().products().remember();
                try {
                    return work.apply(runner);
                } finally {
                    on.engine().products().forget();
                }
            }
        });
    }

    /// The operations of a step alone, in products of matrices. Where sites are drawn for a whole
    /// batch, or the first two steps differ, as with texts of any length, it is the mean over
    /// several steps.
    ///
    /// @param most steps
    public double operations(int most) {
        boolean drawn = method.streams().stream().anyMatch(DryStep::drawsSites);
        double sum = 0;
        double first = 0;
        boolean differ = drawn;
        int steps = 0;
        while (steps < most && (steps < 2 || differ)) {
            long step = middle() + steps++;
            double one = measured(step, runner -> runner.operations(drawn ? 1 : FEW));
            first = steps == 1 ? one : first;
            differ |= one != first;
            sum += one;
        }
        return sum / steps;
    }

    private static boolean drawsSites(Stream stream) {
        return stream.losses().stream()
                .anyMatch(
                        term -> term instanceof Reconstruction some && drawsSites(some.routing()));
    }

    private static boolean drawsSites(Routing routing) {
        return switch (routing) {
            case Routing.All _, Routing.EachAlone _ -> false;
            case Routing.RandomSubset(Drawn drawn) -> drawn == Drawn.PER_BATCH;
            case Routing.Bernoulli(double _, Drawn drawn) -> drawn == Drawn.PER_BATCH;
        };
    }

    /// What a few sequences took.
    ///
    /// @param rows how many sequences
    /// @param history bytes alive at each moment, less what there was before
    /// @param kept bytes of the gates between the two passes
    /// @param heap bytes of Java's heap
    /// @param transfers from Java into tensors and back
    private record Few(
            int rows, double operations, long[] history, long kept, long heap, long transfers) {
        long peak() {
            long peak = 0;
            for (long one : history) {
                peak = Math.max(peak, one);
            }
            return peak;
        }
    }

    private final class Runner {
        private final Meter meter;
        private final long step;
        private final TrainingStep one;

        Runner(Meter meter, Leaves leaves, long step) {
            this.meter = meter;
            this.step = step;
            one =
                    new TrainingStep(
                            on.on(leaves.tensors()), method.streams(), method.steps(), Phases.NONE);
        }

        /// The operations of the step, from at most so many sequences of each stream.
        double operations(int most) {
            double operations = faithfulness().operations();
            for (int index = 0; index < method.streams().size(); index++) {
                int batch = method.streams().get(index).batch();
                Few few = few(index, Math.min(batch, most));
                operations += few.operations() * batch / few.rows();
            }
            return operations;
        }

        Cost cost(int workers, int sliceRows, int ranks) {
            long before = meter.live();
            for (int stream = 0; stream < method.streams().size(); stream++) {
                few(stream, 1); // what is made once is made here
            }
            long shared = meter.live() - before;
            Few faithfulness = faithfulness();
            double heap = faithfulness.heap();
            long transfers = faithfulness.transfers();
            long largest = 0;
            long atWork = 0;
            long held = 0;
            long estimated = 0;
            int slices = 0;
            for (int index = 0; index < method.streams().size(); index++) {
                Stream stream = method.streams().get(index);
                int count = SlicedStep.slices(stream.batch(), sliceRows, ranks);
                int rows = Math.ceilDiv(stream.batch(), count);
                int own = Math.ceilDiv(count, ranks);
                int sequences = Math.min(stream.batch(), own * rows);
                slices += own;
                List<Few> few = new ArrayList<>();
                if (rows > FEW) {
                    few.add(few(index, 1));
                }
                few.add(few(index, Math.min(rows, FEW)));
                Few last = few.getLast();
                heap += (double) last.heap() * sequences / last.rows();
                transfers += own * last.transfers(); // as many for any number of sequences
                long kept = last.kept() * rows / last.rows();
                atWork = Math.max(atWork, kept);
                largest = Math.max(largest, peak(few, rows) - kept);
                if (couples(stream)) {
                    held += last.kept() * sequences / last.rows();
                    estimated +=
                            SlicedStep.keptBytes(
                                    on, sequences, length(index), parameters.flat().element_size());
                }
            }
            int active = Math.min(workers, slices);
            atWork *= active;
            return new Cost(
                    heap,
                    shared,
                    Math.max(active * largest, faithfulness.peak() + (active - 1) * largest),
                    estimated > SlicedStep.KEPT_BYTES ? atWork : Math.max(atWork, held),
                    transfers);
        }

        /// The most bytes alive with this many sequences: every moment grows as it did from the
        /// first of `few` to the last.
        private static long peak(List<Few> few, int rows) {
            Few last = few.getLast();
            Few first = few.getFirst();
            if (few.size() == 1) {
                return last.peak();
            }
            if (first.history().length != last.history().length) {
                return between(first.rows(), first.peak(), last.rows(), last.peak(), rows);
            }
            long peak = 0;
            for (int i = 0; i < last.history().length; i++) {
                peak =
                        Math.max(
                                peak,
                                between(
                                        first.rows(),
                                        first.history()[i],
                                        last.rows(),
                                        last.history()[i],
                                        rows));
            }
            return peak;
        }

        private static long between(long x0, long y0, long x1, long y1, long x) {
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0);
        }

        private Few faithfulness() {
            if (method.faithfulness().coefficient().at(step, method.steps()) == 0) {
                return new Few(0, 0, new long[0], 0, 0, 0);
            }
            return measure(
                    0,
                    () -> {
                        Scopes.run(() ->
                                Losses.faithfulness(one.on(), method.faithfulness().relative())
                                        .backward());
                        return 0L;
                    });
        }

        private Few few(int index, int rows) {
            return measure(rows, () -> Scopes.run(() -> slice(index, rows)));
        }

        private Batch batch(int index, int rows) {
            Stream stream = method.streams().get(index);
            return stream.task()
                    .examples(method.seed(), Draws.Purpose.DATA, step * stream.batch(), rows)
                    .batch();
        }

        private long length(int index) {
            return Scopes.run(() -> batch(index, 1).length());
        }

        /// Runs a slice from its gates to its gradients and gives what the gates keep.
        private long slice(int index, int rows) {
            Batch batch = batch(index, rows);
            BatchSummary.Sizes sizes =
                    new BatchSummary.Sizes(rows, batch.positions(), batch.losses().count());
            Summaries summaries = new Summaries(method.streams());
            summaries.sizes(index, sizes);
            long before = meter.live();
            try (Scopes.Held<Opened> held =
                    Scopes.hold(() -> one.open(new TrainingStep.Slice(index, batch, sizes)))) {
                long kept = meter.live() - before;
                if (summaries.couples(index)) {
                    summaries.add(index, summary(held.value(), summaries));
                }
                Scopes.run(
                        () -> one.close(held.value(), summaries, method.seed(), step, Turns.NONE));
                return kept;
            }
        }

        private Summaries.Slice summary(Opened opened, Summaries summaries) {
            return Scopes.run(() ->
                    Scopes.withoutGradient(() ->
                            summaries.of(
                                    opened.slice().stream(),
                                    new ImportanceSlice(
                                            on.engine(),
                                            opened.importances().stream()
                                                    .map(CausalImportance::upper)
                                                    .toList(),
                                            opened.slice().batch().valid(),
                                            step,
                                            method.steps()))));
        }

        private Few measure(int rows, LongSupplier work) {
            long before = meter.live();
            int moments = meter.history().length;
            double operations = meter.operations();
            long transfers = meter.transfers();
            long heap = heap();
            long kept = work.getAsLong();
            long taken = heap() - heap;
            long[] history = meter.history();
            long[] own = new long[history.length - moments];
            for (int i = 0; i < own.length; i++) {
                own[i] = history[moments + i] - before;
            }
            return new Few(
                    rows,
                    meter.operations() - operations,
                    own,
                    kept,
                    taken,
                    meter.transfers() - transfers);
        }
    }

    private static boolean couples(Stream stream) {
        return stream.losses().stream().anyMatch(LossTerm::couples);
    }

    /// Bytes that this thread has taken from Java's heap so far; 0 where the JVM does not tell.
    private static long heap() {
        return ManagementFactory.getThreadMXBean() instanceof ThreadMXBean threads
                ? threads.getCurrentThreadAllocatedBytes()
                : 0;
    }
}
