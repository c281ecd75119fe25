package cleave.bench;

import cleave.config.Reach;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// Jobs measured side by side: each child does a few repetitions, then the next one, after a rest
/// in which the threads of the last one's libraries stop spinning for work.
final class Turns implements AutoCloseable {
    private static final int STEPS_A_TURN = 2;
    private static final int PRODUCTS_A_TURN = 4;
    private static final Duration REST = Duration.ofMillis(250);

    /// What one child does.
    ///
    /// @param settings changes of the configuration
    record Job(Variant variant, List<String> settings) {}

    /// How much to measure.
    ///
    /// @param warmUp repetitions before the first timed one, at least
    /// @param warmUpSeconds time that they take, at least, so that the JVM has compiled what they
    ///   run
    /// @param steps least number of timed repetitions of each job
    /// @param phaseSteps repetitions after them with an ear to phases, 0 for none
    record Effort(int warmUp, double warmUpSeconds, int steps, int phaseSteps) {}

    /// What was measured of one job.
    ///
    /// @param milliseconds of each timed repetition; empty after a failure
    /// @param growth most resident memory over that before the first repetition, bytes
    /// @param phases thread-milliseconds of one repetition by phase, waiting among them
    /// @param failure why there are no times
    record Times(
            List<Double> milliseconds,
            @Nullable Long growth,
            Map<String, Double> phases,
            @Nullable String failure) {

        /// How many times as long as another job of steps this one takes: of each round both jobs'
        /// time, and the median of their quotients. Whatever slows the machine for longer than a
        /// round slows both, so that this varies less than the quotient of two medians.
        ///
        /// @return null after a failure of either
        @Nullable Double over(Times other) {
            if (milliseconds.isEmpty() || other.milliseconds.isEmpty()) {
                return null;
            }
            List<Double> quotients = new ArrayList<>();
            for (int first = 0; first < milliseconds.size(); first += STEPS_A_TURN) {
                quotients.add(round(first) / other.round(first));
            }
            return Spread.of(quotients).median();
        }

        private double round(int first) {
            return milliseconds.subList(first, first + STEPS_A_TURN).stream()
                    .mapToDouble(Double::doubleValue)
                    .sum();
        }
    }

    private final SequencedMap<Job, ChildProcess> children = new LinkedHashMap<>();
    private final Map<Job, List<Double>> timed = new HashMap<>();
    private final Map<Job, Long> growths = new HashMap<>();
    private final Map<Job, Map<String, Double>> phases = new HashMap<>();
    private final Map<Job, String> failures = new HashMap<>();

    private Turns() {}

    /// Measures jobs on one configuration.
    ///
    /// @param say hears of progress
    static SequencedMap<Job, Times> measure(
            Collection<Job> jobs, Path config, Effort effort, Consumer<String> say) {
        try (Turns turns = new Turns()) {
            say.accept("starting %d processes".formatted(jobs.size()));
            for (Job job : jobs) {
                turns.children.put(job, ChildProcess.start(job.variant(), config, job.settings()));
                turns.timed.put(job, new ArrayList<>());
            }
            turns.children.forEach((job, child) -> turns.note(job, child.ready()));
            say.accept("warming up");
            turns.each((_, child) -> child.warmUp(effort.warmUp(), effort.warmUpSeconds()));
            turns.timed.values().forEach(List::clear);
            int rounds = Math.ceilDiv(effort.steps(), STEPS_A_TURN);
            Reach reach = new Reach("--steps", effort.steps());
            for (int round = 1; round <= rounds; round++) {
                say.accept("round %d of %d".formatted(round, rounds));
                turns.each((job, child) -> child.ask("steps " + aTurn(job.variant())));
                reach.done((long) round * STEPS_A_TURN);
            }
            turns.measurePhases(effort.phaseSteps());
            return turns.results();
        }
    }

    private static int aTurn(Variant variant) {
        return variant instanceof Variant.Matmul ? PRODUCTS_A_TURN : STEPS_A_TURN;
    }

    @FunctionalInterface
    private interface Request {
        Answer ask(Job job, ChildProcess child);
    }

    /// Asks every child that has not failed.
    private void each(Request request) {
        children.forEach((job, child) -> {
            if (!failures.containsKey(job)) {
                rest();
                note(job, request.ask(job, child));
            }
        });
    }

    private static void rest() {
        try {
            Thread.sleep(REST);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void note(Job job, Answer answer) {
        if (answer.failure() != null) {
            failures.put(job, answer.failure());
            return;
        }
        Objects.requireNonNull(timed.get(job)).addAll(answer.milliseconds());
        Long growth = answer.growth();
        if (growth != null) {
            growths.put(job, growth);
        }
    }

    private void measurePhases(int steps) {
        if (steps == 0) {
            return;
        }
        children.forEach((job, child) -> {
            if (!failures.containsKey(job) && !(job.variant() instanceof Variant.Matmul)) {
                rest();
                Answer answer = child.ask("phases " + steps);
                if (answer.failure() == null) {
                    phases.put(job, perStep(job.variant(), answer));
                }
            }
        });
    }

    /// Phases and waiting add up to the time of a step on every worker.
    private static Map<String, Double> perStep(Variant variant, Answer answer) {
        int steps = answer.milliseconds().size();
        double time = answer.milliseconds().stream().mapToDouble(Double::doubleValue).sum();
        int threads = variant instanceof Variant.Fast(int workers) ? workers : 1;
        Map<String, Double> perStep = new LinkedHashMap<>();
        double busy = 0;
        for (Map.Entry<String, Double> phase : answer.phases().entrySet()) {
            perStep.put(phase.getKey(), phase.getValue() / steps);
            busy += phase.getValue();
        }
        perStep.put(cleave.training.Phases.WAITING, (threads * time - busy) / steps);
        return perStep;
    }

    private SequencedMap<Job, Times> results() {
        SequencedMap<Job, Times> results = new LinkedHashMap<>();
        for (Job job : children.keySet()) {
            boolean failed = failures.containsKey(job);
            results.put(
                    job,
                    new Times(
                            failed ? List.of() : Objects.requireNonNull(timed.get(job)),
                            failed ? null : growths.get(job),
                            phases.getOrDefault(job, Map.of()),
                            failures.get(job)));
        }
        return results;
    }

    @Override
    public void close() {
        children.values().forEach(ChildProcess::close);
    }
}
