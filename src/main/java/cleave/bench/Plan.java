package cleave.bench;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.hub.Model;
import cleave.run.CheckpointRoom;
import cleave.run.PreparedRun;
import cleave.run.RunFile;
import cleave.tensor.Device;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// What a run will need, said before it begins.
///
/// @param device where the run is to compute. On another than the CPU the program and Java's heap
///   are in RAM, and all other memory is on the device
/// @param shapes whether everything was found out from shapes alone, as the libtorch engine
///   computes them, and no step was run
/// @param transfers on another device than the CPU, how often a step moves numbers from Java to it
///   or back, as the step is written today; else null
/// @param ranks what several ranks exchange; null for one. Memory is then that of each rank
/// @param work null where the machine has not even the memory for the parameters
/// @param time null where the machine has not enough memory to try, for several ranks, and from
///   shapes alone
/// @param estimate in the place of `time`, where there is `work`
/// @param problems why the run cannot be expected to end well; empty when it can
public record Plan(
        String device,
        boolean shapes,
        Memory memory,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Long transfers,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Ranks ranks,
        @Nullable Work work,
        @Nullable Time time,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Estimate estimate,
        Disk disk,
        List<String> problems) {
    private static final int WARM_UP = 2;
    private static final int CALIBRATION = 10;
    private static final double MEBIBYTE = 1 << 20;

    /// Memory in RAM.
    ///
    /// @param predictedMib `Footprint`'s sum; its parts follow
    /// @param measuredMib the most during the calibration steps; null without them, and where the
    ///   system does not say
    /// @param machineMib what the machine has
    public record Memory(
            double predictedMib,
            double programMib,
            double heapMib,
            double targetMib,
            double parametersMib,
            double slicesMib,
            double gatesMib,
            @Nullable Double measuredMib,
            double machineMib) {}

    /// What ranks exchange.
    ///
    /// @param count how many there are
    /// @param givenMib what each gives into the exchanges of a step: gradients, losses, summaries
    /// @param sentMib what each sends for that, and receives, as Gloo goes round a ring
    public record Ranks(int count, double givenMib, double sentMib) {}

    /// Products of matrices.
    ///
    /// @param gigaoperations of a step
    /// @param steps of the run
    /// @param teraoperations of all of them
    public record Work(double gigaoperations, long steps, double teraoperations) {}

    /// Time of the steps, from calibration steps.
    ///
    /// @param ms of one step
    /// @param spread of the calibration steps
    /// @param steps of the run
    /// @param seconds of all of them
    public record Time(double ms, Spread spread, long steps, double seconds) {}

    /// The least time of the steps: that of their products alone, at the rate at which a thread of
    /// this machine multiplies two matrices of 1024 x 1024 in float32, if the threads of all ranks
    /// do so at once.
    ///
    /// @param gigaoperations of one thread in a second
    /// @param threads of all ranks
    /// @param ms of one step
    /// @param seconds of all steps
    public record Estimate(double gigaoperations, int threads, double ms, double seconds) {}

    /// What is planned.
    ///
    /// @param config configuration of a decomposition
    /// @param settings changes of it
    /// @param run where the run directory would be
    /// @param device where it would compute
    /// @param ranks how many there are
    /// @param here how many of them are on this machine
    public record Order(
            Path config, List<String> settings, Path run, Device device, int ranks, int here) {
        /// Of one rank on the CPU.
        public Order(Path config, List<String> settings, Path run) {
            this(config, settings, run, Device.CPU, 1, 1);
        }
    }

    /// Room for three checkpoints, as two are kept and the next one is written before an old one
    /// goes, and for the target beside them.
    ///
    /// @param folder whose disk it is
    public record Disk(double checkpointMib, double neededMib, double freeMib, String folder) {}

    /// Predicts memory and disk, then tries some steps in a process of their own. Writes nothing.
    ///
    /// @param warmUpSeconds least time of steps before those that are timed, for the JVM to compile
    ///   them
    /// @param say hears of progress
    public static Plan of(
            Path config,
            List<String> settings,
            Path run,
            double warmUpSeconds,
            Consumer<String> say) {
        return of(new Order(config, settings, run), warmUpSeconds, say);
    }

    /// The same of any order. Of several ranks none is tried: what they take follows from a dry run
    /// of one. Where the target has a configuration and no weights, and for another device than the
    /// CPU, which need not be there, it follows from shapes alone.
    public static Plan of(Order order, double warmUpSeconds, Consumer<String> say) {
        RunFile file = RunFile.read(order.config(), order.settings());
        boolean onCpu = order.device().equals(Device.CPU);
        boolean shapes = !onCpu || Model.isDescribed(Path.of(file.target()));
        List<DecomposedSite> sites;
        Footprint footprint;
        double target;
        try (PreparedRun prepared = shapes ? PreparedRun.shaped(file) : PreparedRun.of(file)) {
            sites = prepared.sites();
            footprint = Footprint.atRest(file, prepared);
            target = footprint.target();
            if (shapes || footprint.total() <= machine()) {
                say.accept(
                        shapes
                                ? "trying a step with shapes alone"
                                : "trying a step on a few sequences");
                footprint = Footprint.of(file, prepared, order.ranks());
            }
        }
        List<String> problems = new ArrayList<>();
        CheckpointRoom found = CheckpointRoom.of(file, sites, order.run());
        CheckpointRoom room = found.target() > 0 ? found : found.withTarget(target);
        room.problem().ifPresent(problems::add);
        double machine = machine() / MEBIBYTE;
        double together = order.here() * footprint.total() / MEBIBYTE;
        boolean fits = !onCpu || together <= machine;
        if (!fits) {
            problems.add(
                    "memory of the machine must be >= %.0f MiB%s, got %.0f MiB\nhint: machine.slice and machine.workers decide how much slices take"
                            .formatted(
                                    together,
                                    order.here() == 1
                                            ? ""
                                            : " for %d ranks".formatted(order.here()),
                                    machine));
        }
        Answer answer = null;
        Work work = work(file, footprint);
        Estimate estimate = null;
        if (fits && !shapes && order.ranks() == 1) {
            say.accept(
                    "trying %d steps after %.0f s of warm-up"
                            .formatted(CALIBRATION, warmUpSeconds));
            Answer steps = steps(file, order, warmUpSeconds);
            if (steps.failure() == null) {
                answer = steps;
            } else {
                problems.add("steps must run, got " + steps.failure());
            }
        } else if (work != null && onCpu) {
            estimate = estimate(file, work, order);
        }
        return new Plan(
                order.device().toString(),
                shapes,
                memory(footprint, answer, machine),
                onCpu ? null : footprint.transfers(),
                exchange(footprint, order.ranks()),
                work,
                answer == null ? null : time(file, answer),
                estimate,
                disk(room),
                problems);
    }

    private static Answer steps(RunFile file, Order order, double warmUpSeconds) {
        Variant variant = new Variant.Fast(file.machine().workers());
        try (ChildProcess child = ChildProcess.start(variant, order.config(), order.settings())) {
            Answer answer = child.ready();
            if (answer.failure() == null) {
                answer = child.warmUp(WARM_UP, warmUpSeconds);
            }
            return answer.failure() == null ? child.ask("steps " + CALIBRATION) : answer;
        }
    }

    private static Estimate estimate(RunFile file, Work work, Order order) {
        double rate = ProductRate.ofOneThread();
        int threads = order.ranks() * file.machine().workers();
        double seconds = work.gigaoperations() / (rate * threads);
        return new Estimate(rate, threads, 1e3 * seconds, work.steps() * seconds);
    }

    private static @Nullable Ranks exchange(Footprint footprint, int ranks) {
        if (ranks == 1) {
            return null;
        }
        double given = footprint.exchanged() / MEBIBYTE;
        return new Ranks(ranks, given, 2 * given * (ranks - 1) / ranks);
    }

    private static @Nullable Work work(RunFile file, Footprint footprint) {
        Double operations = footprint.operations();
        return operations == null
                ? null
                : new Work(operations / 1e9, file.steps(), file.steps() * operations / 1e12);
    }

    /// Bytes of RAM.
    private static double machine() {
        return ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class)
                .getTotalMemorySize();
    }

    private static Time time(RunFile file, Answer answer) {
        Spread spread = Spread.of(answer.milliseconds());
        return new Time(
                spread.median(), spread, file.steps(), file.steps() * spread.median() / 1e3);
    }

    private static Memory memory(Footprint footprint, @Nullable Answer measured, double machine) {
        Long peak = measured == null ? null : measured.peak();
        return new Memory(
                footprint.total() / MEBIBYTE,
                footprint.program() / MEBIBYTE,
                footprint.heap() / MEBIBYTE,
                footprint.target() / MEBIBYTE,
                footprint.parameters() / MEBIBYTE,
                footprint.slices() / MEBIBYTE,
                footprint.gates() / MEBIBYTE,
                peak == null ? null : peak / MEBIBYTE,
                machine);
    }

    private static Disk disk(CheckpointRoom room) {
        return new Disk(
                room.checkpoint() / MEBIBYTE,
                room.needed() / MEBIBYTE,
                room.free() / MEBIBYTE,
                room.folder().toString());
    }
}
