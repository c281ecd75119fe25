package cleave.bench;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.run.CheckpointRoom;
import cleave.run.PreparedRun;
import cleave.run.RunFile;
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
/// @param ranks what several ranks exchange; null for one. Memory is then that of each rank
/// @param work null where the machine has not even the memory for the parameters
/// @param time null where the machine has not enough memory to try, and for several ranks
/// @param problems why the run cannot be expected to end well; empty when it can
public record Plan(
        Memory memory,
        @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable Ranks ranks,
        @Nullable Work work,
        @Nullable Time time,
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

    /// Room for three checkpoints, as two are kept and the next one is written before an old one
    /// goes, and for the target beside them.
    ///
    /// @param folder whose disk it is
    public record Disk(double checkpointMib, double neededMib, double freeMib, String folder) {}

    /// Predicts memory and disk, then tries some steps in a process of their own. Writes nothing.
    ///
    /// @param config configuration of a decomposition
    /// @param settings changes of it
    /// @param run where the run directory would be
    /// @param warmUpSeconds least time of steps before those that are timed, for the JVM to compile
    ///   them
    /// @param say hears of progress
    public static Plan of(
            Path config,
            List<String> settings,
            Path run,
            double warmUpSeconds,
            Consumer<String> say) {
        return of(config, settings, run, 1, warmUpSeconds, say);
    }

    /// The same for several ranks, of which none is tried: what they take follows from a dry run of
    /// one.
    public static Plan of(
            Path config,
            List<String> settings,
            Path run,
            int ranks,
            double warmUpSeconds,
            Consumer<String> say) {
        RunFile file = RunFile.read(config, settings);
        List<DecomposedSite> sites;
        Footprint footprint;
        try (PreparedRun prepared = PreparedRun.of(file)) {
            sites = prepared.sites();
            footprint = Footprint.atRest(file, prepared);
            if (footprint.total() <= machine()) {
                say.accept("trying a step on a few sequences");
                footprint = Footprint.of(file, prepared, ranks);
            }
        }
        Work work = work(file, footprint);
        Ranks exchange = exchange(footprint, ranks);
        List<String> problems = new ArrayList<>();
        CheckpointRoom room = CheckpointRoom.of(file, sites, run);
        Disk disk = disk(room);
        room.problem().ifPresent(problems::add);
        double machine = machine() / MEBIBYTE;
        if (footprint.total() / MEBIBYTE > machine) {
            problems.add(
                    "memory of the machine must be >= %.0f MiB, got %.0f MiB\nhint: machine.slice and machine.workers decide how much slices take"
                            .formatted(footprint.total() / MEBIBYTE, machine));
            return new Plan(memory(footprint, null, machine), exchange, work, null, disk, problems);
        }
        if (ranks > 1) {
            return new Plan(memory(footprint, null, machine), exchange, work, null, disk, problems);
        }
        say.accept("trying %d steps after %.0f s of warm-up".formatted(CALIBRATION, warmUpSeconds));
        Variant variant = new Variant.Fast(file.machine().workers());
        try (ChildProcess child = ChildProcess.start(variant, config, settings)) {
            Answer answer = child.ready();
            if (answer.failure() == null) {
                answer = child.warmUp(WARM_UP, warmUpSeconds);
            }
            if (answer.failure() == null) {
                answer = child.ask("steps " + CALIBRATION);
            }
            if (answer.failure() != null) {
                problems.add("steps must run, got " + answer.failure());
                return new Plan(
                        memory(footprint, null, machine), exchange, work, null, disk, problems);
            }
            return new Plan(
                    memory(footprint, answer, machine),
                    exchange,
                    work,
                    time(file, answer),
                    disk,
                    problems);
        }
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
