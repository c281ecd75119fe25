package cleave.cli;

import static java.util.stream.Collectors.joining;

import cleave.bench.Plan;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// What a run will need, as text.
final class PlanText {
    private PlanText() {}

    static String of(Plan plan) {
        List<String> lines = new ArrayList<>();
        lines.add("memory  " + memory(plan));
        if (plan.shapes()) {
            lines.add(
                    "shapes  no number was read or computed: all of this follows from shapes, as engine libtorch computes them");
        }
        if (plan.transfers() != null) {
            lines.add(
                    "device  %d transfers of numbers from Java to it or back a step"
                            .formatted(plan.transfers()));
        }
        if (plan.ranks() != null) {
            lines.add("ranks   " + ranks(plan.ranks()));
        }
        if (plan.work() != null) {
            lines.add("work    " + work(plan.work()));
        }
        if (plan.time() != null) {
            lines.add("time    " + time(plan.time()));
        }
        if (plan.estimate() != null && plan.work() != null) {
            lines.add("time    " + estimate(plan.estimate(), plan.work().steps()));
        }
        lines.add("disk    " + disk(plan.disk()));
        plan.problems().forEach(problem -> lines.add("problem: " + problem));
        return lines.stream().map(line -> line + System.lineSeparator()).collect(joining());
    }

    private static String memory(Plan plan) {
        Plan.Memory memory = plan.memory();
        if (!plan.device().equals("cpu")) {
            return "%s MiB on %s predicted (target %s, parameters %s, slices %s, gates %s), and %s MiB of this machine's (program %s, Java heap %s)"
                    .formatted(
                            whole(memory.predictedMib() - memory.programMib() - memory.heapMib()),
                            plan.device(),
                            whole(memory.targetMib()),
                            whole(memory.parametersMib()),
                            whole(memory.slicesMib()),
                            whole(memory.gatesMib()),
                            whole(memory.programMib() + memory.heapMib()),
                            whole(memory.programMib()),
                            whole(memory.heapMib()));
        }
        Double measured = memory.measuredMib();
        return "%s MiB predicted (program %s, Java heap %s, target %s, parameters %s, slices %s, gates %s)%s; the machine has %s MiB"
                .formatted(
                        whole(memory.predictedMib()),
                        whole(memory.programMib()),
                        whole(memory.heapMib()),
                        whole(memory.targetMib()),
                        whole(memory.parametersMib()),
                        whole(memory.slicesMib()),
                        whole(memory.gatesMib()),
                        measured == null ? "" : ", %s MiB measured".formatted(whole(measured)),
                        whole(memory.machineMib()));
    }

    private static String ranks(Plan.Ranks ranks) {
        return "%d, of which each takes the memory above, and gives %s MiB into the exchanges of a step: %s MiB sent and as much received"
                .formatted(ranks.count(), tenths(ranks.givenMib()), tenths(ranks.sentMib()));
    }

    private static String work(Plan.Work work) {
        return "%se9 operations in matrix products a step, so %se12 for %d steps"
                .formatted(
                        tenths(work.gigaoperations()), tenths(work.teraoperations()), work.steps());
    }

    private static String time(Plan.Time time) {
        return "%s ms a step (quartiles %s - %s of %d steps), so %s for %d steps"
                .formatted(
                        tenths(time.ms()),
                        tenths(time.spread().lowerQuartile()),
                        tenths(time.spread().upperQuartile()),
                        time.spread().count(),
                        duration(time.seconds()),
                        time.steps());
    }

    private static String estimate(Plan.Estimate estimate, long steps) {
        return "at least %s ms a step, so %s for %d steps: the products alone on %d threads, at the %se9 operations a second that one of this machine makes"
                .formatted(
                        tenths(estimate.ms()),
                        duration(estimate.seconds()),
                        steps,
                        estimate.threads(),
                        tenths(estimate.gigaoperations()));
    }

    private static String disk(Plan.Disk disk) {
        return "%s MiB a checkpoint, so %s MiB for the two that are kept, the one being written and the target; %s MiB free (%s)"
                .formatted(
                        tenths(disk.checkpointMib()),
                        tenths(disk.neededMib()),
                        whole(disk.freeMib()),
                        disk.folder());
    }

    /// To three parts at most: days, hours, minutes and seconds.
    private static String duration(double seconds) {
        Duration duration = Duration.ofSeconds(Math.round(seconds));
        if (duration.toDays() > 0) {
            return "%d d %d h %d min"
                    .formatted(duration.toDays(), duration.toHoursPart(), duration.toMinutesPart());
        }
        if (duration.toHours() > 0) {
            return "%d h %d min".formatted(duration.toHours(), duration.toMinutesPart());
        }
        return "%d min %d s".formatted(duration.toMinutes(), duration.toSecondsPart());
    }

    private static String whole(double value) {
        return String.format(Locale.ROOT, "%.0f", value);
    }

    private static String tenths(double value) {
        return String.format(Locale.ROOT, "%.1f", value);
    }
}
