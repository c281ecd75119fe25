package cleave.bench;

import cleave.run.PreparedRun;
import cleave.run.Provenance;
import cleave.run.RunFile;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Our step beside the plain step and the machine's matmul rate, measured in one run.
///
/// @param machine where
/// @param date when
/// @param runs one for each batch and number of workers
public record StepBench(Provenance.Machine machine, Instant date, List<Run> runs) {
    private static final double MEBIBYTE = 1 << 20;

    /// What to measure.
    ///
    /// @param config configuration of a decomposition
    /// @param settings changes of it
    /// @param batches sequences per step of every stream; empty for the configuration's own
    /// @param workers numbers of workers of our step
    /// @param warmUp repetitions of each variant before the first timed one, at least
    /// @param warmUpSeconds time that they take, at least
    /// @param steps least number of timed repetitions
    /// @param phaseSteps further repetitions that say where the time goes
    public record Settings(
            Path config,
            List<String> settings,
            List<Integer> batches,
            List<Integer> workers,
            int warmUp,
            double warmUpSeconds,
            int steps,
            int phaseSteps) {}

    /// The rate of 1024 x 1024 by 1024 x 1024 float32 products on some threads, in 1e9 operations a
    /// second, median over as many products as there are steps.
    ///
    /// @param insideGflops of one product at a time on all of the threads
    /// @param sideBySideGflops of one product on each of the threads
    public record Ceiling(int threads, double insideGflops, double sideBySideGflops) {
        double gflops() {
            return Math.max(insideGflops, sideBySideGflops);
        }
    }

    /// A step's time and memory.
    ///
    /// @param threads workers of our step; threads within operations of the plain step
    /// @param ms median time of a step; null after a failure, like all that follows from it
    /// @param spread of the times
    /// @param peakGrowthMib most resident memory over that before the first step; null where the
    ///   system does not say
    /// @param ceilingShare operations of a step by its time and by the ceiling's rate on as many
    ///   threads
    /// @param phasesMs thread-milliseconds of a step by phase; with the waiting they add up to
    ///   workers times step
    /// @param failure why there is no time
    public record Measured(
            int threads,
            @Nullable Double ms,
            @Nullable Spread spread,
            @Nullable Double positionsPerSecond,
            @Nullable Double peakGrowthMib,
            @Nullable Double ceilingShare,
            Map<String, Double> phasesMs,
            @Nullable String failure) {}

    /// One batch and number of workers.
    ///
    /// @param positions sequences times length, all streams together
    /// @param gigaoperations of a step in products of matrices, forwards and backwards (see
    ///   `DryStep`)
    /// @param ceilingGflops the larger rate of products on as many threads as there are workers
    /// @param ceilings on one thread, on as many as there are workers, and on all
    /// @param plain the plain step at its better of one and all threads within operations
    /// @param fast our step
    /// @param ratio plain by fast, median over the rounds in which both took their turns
    /// @param memoryRatio fast by plain, peak growth
    /// @param workerScaling our step's time on one worker by that on these, median over rounds;
    ///   null when one worker was not measured
    /// @param matmulScaling ceiling on these threads by that on one
    /// @param plainAt the plain step on one thread and on all
    public record Run(
            int batch,
            int workers,
            long positions,
            double gigaoperations,
            double ceilingGflops,
            Measured plain,
            Measured fast,
            @Nullable Double ratio,
            @Nullable Double memoryRatio,
            @Nullable Double workerScaling,
            double matmulScaling,
            List<Ceiling> ceilings,
            List<Measured> plainAt) {}

    /// Measures.
    ///
    /// @param say hears of progress
    public static StepBench run(Settings options, Consumer<String> say) {
        RunFile file = RunFile.read(options.config(), options.settings());
        List<Integer> batches =
                options.batches().isEmpty()
                        ? List.of(file.streams().getFirst().batch())
                        : options.batches();
        List<Run> runs = new ArrayList<>();
        for (int batch : batches) {
            List<String> settings = new ArrayList<>(options.settings());
            if (!options.batches().isEmpty()) {
                for (int i = 0; i < file.streams().size(); i++) {
                    settings.add("streams[%d].batch=%d".formatted(i, batch));
                }
            }
            runs.addAll(
                    new OneBatch(options, batch, settings)
                            .runs(text -> say.accept("batch %d: %s".formatted(batch, text))));
        }
        return new StepBench(Provenance.Machine.here(cores()), Instant.now(), runs);
    }

    private static int cores() {
        return Runtime.getRuntime().availableProcessors();
    }

    /// All that is measured side by side.
    private static final class OneBatch {
        private final Settings options;
        private final int batch;
        private final List<String> settings;
        private final long positions;
        private final double gigaoperations;

        OneBatch(Settings options, int batch, List<String> settings) {
            this.options = options;
            this.batch = batch;
            this.settings = settings;
            RunFile file = RunFile.read(options.config(), settings);
            positions = file.streams().stream().mapToLong(s -> (long) s.batch() * s.length()).sum();
            try (PreparedRun run = PreparedRun.of(file)) {
                gigaoperations = Footprint.operations(run) / 1e9;
            }
        }

        List<Run> runs(Consumer<String> say) {
            List<Variant> variants = new ArrayList<>();
            for (int threads : threads()) {
                variants.add(new Variant.Matmul(1, threads));
                if (threads > 1) {
                    variants.add(new Variant.Matmul(threads, 1));
                }
            }
            oneAndAll().forEach(threads -> variants.add(new Variant.Plain(threads)));
            options.workers().forEach(workers -> variants.add(new Variant.Fast(workers)));
            SequencedMap<Turns.Job, Turns.Times> times =
                    Turns.measure(
                            variants.stream().map(this::job).toList(),
                            options.config(),
                            new Turns.Effort(
                                    options.warmUp(),
                                    options.warmUpSeconds(),
                                    options.steps(),
                                    options.phaseSteps()),
                            say);
            List<Ceiling> ceilings = threads().stream().map(t -> ceiling(times, t)).toList();
            List<Measured> plainAt =
                    oneAndAll().stream()
                            .map(t -> measured(of(times, new Variant.Plain(t)), t, ceilings))
                            .toList();
            List<Measured> fast =
                    options.workers().stream()
                            .map(w -> measured(of(times, new Variant.Fast(w)), w, ceilings))
                            .toList();
            return fast.stream().map(one -> run(one, plainAt, ceilings, times)).toList();
        }

        /// Numbers of threads whose matmul rate is wanted.
        private SortedSet<Integer> threads() {
            SortedSet<Integer> threads = oneAndAll();
            options.workers().forEach(workers -> threads.add(Math.min(workers, cores())));
            return threads;
        }

        private static SortedSet<Integer> oneAndAll() {
            return new TreeSet<>(List.of(1, cores()));
        }

        private Turns.Job job(Variant variant) {
            return new Turns.Job(variant, settings);
        }

        private Turns.Times of(Map<Turns.Job, Turns.Times> times, Variant variant) {
            return Objects.requireNonNull(times.get(job(variant)));
        }

        private Ceiling ceiling(Map<Turns.Job, Turns.Times> times, int threads) {
            double inside = rate(times, new Variant.Matmul(1, threads));
            return new Ceiling(
                    threads,
                    inside,
                    threads == 1 ? inside : rate(times, new Variant.Matmul(threads, 1)));
        }

        private double rate(Map<Turns.Job, Turns.Times> times, Variant.Matmul variant) {
            Turns.Times measured = of(times, variant);
            if (measured.failure() != null) {
                throw new IllegalStateException("matmul failed: " + measured.failure());
            }
            double milliseconds = Spread.of(measured.milliseconds()).median();
            return variant.gigaoperations() / (milliseconds / 1e3);
        }

        private Measured measured(Turns.Times times, int threads, List<Ceiling> ceilings) {
            Double growth = times.growth() == null ? null : times.growth() / MEBIBYTE;
            if (times.milliseconds().isEmpty()) {
                return new Measured(
                        threads, null, null, null, null, null, Map.of(), times.failure());
            }
            Spread spread = Spread.of(times.milliseconds());
            double seconds = spread.median() / 1e3;
            return new Measured(
                    threads,
                    spread.median(),
                    spread,
                    positions / seconds,
                    growth,
                    gigaoperations / seconds / at(ceilings, threads).gflops(),
                    times.phases(),
                    null);
        }

        private static Ceiling at(List<Ceiling> ceilings, int threads) {
            int usable = Math.min(threads, cores());
            return ceilings.stream().filter(c -> c.threads() == usable).findFirst().orElseThrow();
        }

        private Run run(
                Measured fast,
                List<Measured> plainAt,
                List<Ceiling> ceilings,
                Map<Turns.Job, Turns.Times> times) {
            Measured plain =
                    plainAt.stream()
                            .filter(one -> one.ms() != null)
                            .min(Comparator.comparing(Measured::ms))
                            .orElse(plainAt.getFirst());
            Turns.Times ours = of(times, new Variant.Fast(fast.threads()));
            Turns.Times alone = times.get(job(new Variant.Fast(1)));
            double ceiling = at(ceilings, fast.threads()).gflops();
            return new Run(
                    batch,
                    fast.threads(),
                    positions,
                    gigaoperations,
                    ceiling,
                    plain,
                    fast,
                    of(times, new Variant.Plain(plain.threads())).over(ours),
                    quotient(fast.peakGrowthMib(), plain.peakGrowthMib()),
                    alone == null ? null : alone.over(ours),
                    ceiling / at(ceilings, 1).gflops(),
                    ceilings,
                    plainAt);
        }

        private static @Nullable Double quotient(@Nullable Double above, @Nullable Double below) {
            return above == null || below == null ? null : above / below;
        }
    }
}
