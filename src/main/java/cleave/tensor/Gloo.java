package cleave.tensor;

import java.time.Duration;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.javacpp.chrono.Milliseconds;
import org.bytedeco.pytorch.AllreduceOptions;
import org.bytedeco.pytorch.ProcessGroupGloo;
import org.bytedeco.pytorch.ReduceOp;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.Work;
import org.bytedeco.pytorch.global.torch_gloo;

/// Exchanges tensors on the CPU between processes, with c10d's Gloo. Every process makes the same
/// calls in the same order; each call ends when this process has its result.
///
/// Sums are made in one order that depends on the number of processes and the size of the tensor
/// alone, and every process gets the same bytes.
public final class Gloo implements AutoCloseable {
    private static final long LOOK = 250; // ms between two looks at whether to go on waiting
    private static final int THREADS = 2;

    private final ProcessGroupGloo group;

    /// Whether a call that waits for other processes is to go on waiting; else it throws.
    @FunctionalInterface
    public interface Patience {
        /// Throws when there is nothing to wait for any more.
        void check();
    }

    /// Connects this process with all others.
    ///
    /// @param store through which the processes find each other
    /// @param rank of this process, from 0
    /// @param size how many processes there are
    /// @param address of this process' network interface
    /// @param connecting how long all connections may take
    /// @param exchanging how long an exchange may take
    /// @throws IllegalStateException when that fails
    public Gloo(
            RankStore store,
            int rank,
            int size,
            String address,
            Duration connecting,
            Duration exchanging) {
        NativeRuntime.start();
        try {
            NativeRuntime.load(torch_gloo.class);
        } catch (UnsatisfiedLinkError missing) {
            throw new IllegalStateException("no Gloo in this system's libtorch", missing);
        }
        try (PointerScope _ = new PointerScope()) {
            ProcessGroupGloo.Options options =
                    ProcessGroupGloo.Options.create(new Milliseconds(connecting.toMillis()));
            options.devices().push_back(ProcessGroupGloo.createDeviceForHostname(address));
            options.threads(THREADS);
            ProcessGroupGloo[] made = new ProcessGroupGloo[1];
            ForeignCalls.withoutOutput(
                    () -> made[0] = new ProcessGroupGloo(store.raw(), rank, size, options));
            group = made[0];
            group.setTimeout(new Milliseconds(exchanging.toMillis()));
            group.retainReference();
        } catch (RuntimeException failure) {
            throw new IllegalStateException(
                    "connections to all ranks must open (%s), got %s"
                            .formatted(address, firstLine(failure)),
                    failure);
        }
    }

    /// Puts the sum over all processes in the place of a tensor.
    public void sumInPlace(Tensor tensor, Patience patience) {
        reduce(tensor, ReduceOp.RedOpType.SUM, patience);
    }

    /// Begins to put the sum over all processes in the place of a tensor, which nothing may touch
    /// until that has ended. Several may be under way.
    public Begun beginSum(Tensor tensor) {
        try (PointerScope _ = new PointerScope()) {
            Work work = begin(tensor, ReduceOp.RedOpType.SUM);
            work.retainReference();
            return new Begun(work);
        }
    }

    /// An exchange that was begun.
    public static final class Begun {
        private final Work work;

        private Begun(Work work) {
            this.work = work;
        }

        /// Waits for its end; called once.
        public void end(Patience patience) {
            await(work, patience);
            work.releaseReference();
        }
    }

    /// Puts the largest number over all processes in the place of each of a tensor's.
    public void maxInPlace(Tensor tensor, Patience patience) {
        reduce(tensor, ReduceOp.RedOpType.MAX, patience);
    }

    private void reduce(Tensor tensor, ReduceOp.RedOpType operation, Patience patience) {
        try (PointerScope _ = new PointerScope()) {
            await(begin(tensor, operation), patience);
        }
    }

    private Work begin(Tensor tensor, ReduceOp.RedOpType operation) {
        AllreduceOptions options = new AllreduceOptions().reduceOp(new ReduceOp(operation));
        return group.allreduce(new TensorVector(tensor.raw()), options);
    }

    /// A wait inside the library cannot be ended from outside, so it is many short ones.
    private static void await(Work work, Patience patience) {
        while (true) {
            try (PointerScope _ = new PointerScope()) {
                work._wait(new Milliseconds(LOOK));
                return;
            } catch (RuntimeException failure) {
                if (work.isCompleted()) {
                    if (work.isSuccess()) {
                        return; // it ended between the wait's end and this look
                    }
                    throw new IllegalStateException(firstLine(failure), failure);
                }
            }
            patience.check();
        }
    }

    static String firstLine(RuntimeException failure) {
        return String.valueOf(failure.getMessage()).lines().findFirst().orElse("");
    }

    /// Disconnects; all exchanges must have ended.
    @Override
    public void close() {
        group.releaseReference();
    }
}
