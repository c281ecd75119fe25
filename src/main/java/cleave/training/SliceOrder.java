package cleave.training;

import cleave.importance.GatesPass.Turns;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The order in which the slices of a step add to gradients that all workers share: that of the
/// slices, whatever the number of workers, so that the sums are the same numbers.
///
/// A worker takes its slices in rising order, so the lowest slice that is not done never waits.
final class SliceOrder {
    private final Map<Integer, Integer> added = new HashMap<>(); // slices so far, by part
    private @Nullable RuntimeException failure;

    /// The turns of a slice.
    Turns of(int slice) {
        return (part, add) -> {
            await(slice, part);
            add.run();
            added(part);
        };
    }

    private synchronized void await(int slice, int part) {
        boolean interrupted = false;
        while (failure == null && added.getOrDefault(part, 0) < slice) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true; // The slice before needs no less time for it.
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        if (failure != null) {
            throw failure;
        }
    }

    private synchronized void added(int part) {
        added.merge(part, 1, Integer::sum);
        notifyAll();
    }

    /// Ends the waiting of all others, who fail alike, since a slice will not add any more.
    synchronized void fail(RuntimeException cause) {
        failure = failure == null ? cause : failure;
        notifyAll();
    }
}
