package cleave.bench;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.engine.Engines;
import cleave.run.PreparedRun;
import cleave.run.RunFile;
import cleave.run.RunFile.Precision;
import cleave.tensor.Tensor;
import cleave.training.DryStep;
import java.lang.management.ManagementFactory;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a run takes, found out by a dry run of one step on a few sequences (see `DryStep`), for any
/// model, loss and importance function. Memory is that in RAM at a time, in bytes.
///
/// @param program the JVM, libtorch and its kernels, and what loading touches of Java's heap
/// @param heap Java's heap: nothing is collected before the young generation is full of what steps
///   take, and a short run takes less
/// @param target the target's weights, and what is made once of weights and parameters
/// @param parameters values, two moments of Adam, gradients, and those of U and V once more for
///   each worker after the first
/// @param slices what all workers hold of their slices, without what gates keep
/// @param gates what gates keep for their way back, with the clean pass they read
/// @param operations of one step in products of matrices, all ranks together; null where no step
///   was run
/// @param exchanged bytes that a rank gives into the exchanges of one step
/// @param transfers how often a step of a rank moves numbers from Java into tensors or back, each
///   of them a wait for any device but the CPU
public record Footprint(
        long program,
        long heap,
        long target,
        long parameters,
        long slices,
        long gates,
        @Nullable Double operations,
        long exchanged,
        long transfers) {
    private static final long PROGRAM = 345L << 20; // as measured
    private static final long LOADED = 90L << 20; // of Java's heap, counted as program
    private static final int MOST_STEPS = 8; // where one takes more operations than another

    /// All memory.
    public long total() {
        return program + heap + target + parameters + slices + gates;
    }

    /// What is there without any step; nothing is run.
    static Footprint atRest(RunFile file, PreparedRun run) {
        long bytes = file.machine().precision() == Precision.FLOAT64 ? Double.BYTES : Float.BYTES;
        return new Footprint(
                PROGRAM,
                0,
                run.model().target().weights().values().stream().mapToLong(Tensor::nbytes).sum(),
                (4 * file.parameters(run.sites())
                                + (file.machine().workers() - 1L) * subcomponents(run.sites()))
                        * bytes,
                0,
                0,
                null,
                0,
                0);
    }

    /// The numbers of U and V.
    private static long subcomponents(List<DecomposedSite> sites) {
        return sites.stream().mapToLong(s -> s.count() * (s.site().dIn() + s.site().dOut())).sum();
    }

    /// All of it, from a dry run.
    static Footprint of(RunFile file, PreparedRun run) {
        return of(file, run, 1);
    }

    /// That of one rank of several.
    static Footprint of(RunFile file, PreparedRun run, int ranks) {
        Footprint rest = atRest(file, run);
        return run.device().run(() -> of(file, run, rest, ranks));
    }

    private static Footprint of(RunFile file, PreparedRun run, Footprint rest, int ranks) {
        DryStep step = new DryStep(run.decomposition(), run.parameters(), run.method());
        DryStep.Cost cost = step.cost(file.machine().workers(), file.machine().slice(), ranks);
        return new Footprint(
                rest.program(),
                young(file.steps() * cost.heap()),
                rest.target() + cost.shared(),
                rest.parameters(),
                cost.slices(),
                cost.gates(),
                operations(run),
                step.exchanged(ranks),
                cost.transfers());
    }

    /// The share of a fresh heap that is filled before anything is collected. This process's own
    /// heap may have grown by what it did before; the run begins with a heap of the first size.
    private static long young(double taken) {
        long young = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getInit() / 3;
        return (long) Math.min(taken, Math.max(0, young - LOADED));
    }

    /// Operations of a step in products of matrices, as the method asks for them: on libtorch, of
    /// which every product is seen and made once, whatever engine a run takes.
    static double operations(PreparedRun run) {
        Decomposition on = run.decomposition();
        return new DryStep(
                        on.on(Engines.libtorch(on.engine().products(), run.device())),
                        run.parameters(),
                        run.method())
                .operations(MOST_STEPS);
    }
}
