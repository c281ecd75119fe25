package cleave.command;

import cleave.ranks.Place;
import cleave.run.ChildJvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/// The other ranks of a run on one machine: processes that rank 0 starts, with its own command.
///
/// They say nothing to the user: rank 0 hears of their ends, and says so.
final class LocalRanks implements AutoCloseable {
    private static final int LAST_WORDS = 8; // lines

    private final Duration patience;
    private final List<Child> children = new ArrayList<>();
    private boolean failed;

    /// @param rank the number of the child
    /// @param words the last lines that it printed
    private record Child(int rank, Process process, Deque<String> words) {
        void hear() {
            try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
                for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                    synchronized (words) {
                        words.addLast(line);
                        if (words.size() > LAST_WORDS) {
                            words.removeFirst();
                        }
                    }
                }
            } catch (IOException ended) {
                // Its end is noticed elsewhere.
            }
        }

        String lastWords() {
            synchronized (words) {
                return String.join("\n", words);
            }
        }
    }

    /// @param patience how long a child may take to end after this rank
    LocalRanks(Duration patience) {
        this.patience = patience;
    }

    /// Starts the ranks from 1 on.
    ///
    /// @param size how many ranks there are with this one
    /// @param port at which this rank serves
    /// @param main the program
    /// @param arguments this rank's own
    void start(int size, int port, Class<?> main, List<String> arguments) {
        List<String> command = ChildJvm.command(main, arguments);
        try {
            for (int rank = 1; rank < size; rank++) {
                ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
                builder.environment().putAll(Place.launched(rank, size, port));
                Child child = new Child(rank, builder.start(), new ArrayDeque<>());
                children.add(child);
                Thread.ofVirtual().start(child::hear);
            }
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /// Why not all ranks can be there: one that has ended.
    Optional<String> ended() {
        return children.stream()
                .filter(child -> !child.process().isAlive())
                .findFirst()
                .map(child ->
                        "rank %d, which ended with exit code %d: %s"
                                .formatted(
                                        child.rank(),
                                        child.process().exitValue(),
                                        child.lastWords()));
    }

    /// The process numbers of the ranks from 1 on.
    List<Long> processes() {
        return children.stream().map(child -> child.process().pid()).toList();
    }

    /// Notes that this rank ends before its time, so that no other is of use any more.
    void failed() {
        failed = true;
    }

    /// Waits for all to end; those that do not are killed, and at once after a failure.
    @Override
    public void close() {
        long end = System.nanoTime() + (failed ? patience.dividedBy(10) : patience).toNanos();
        boolean interrupted = false;
        for (Child child : children) {
            try {
                long left = Math.max(0, end - System.nanoTime());
                if (!child.process().waitFor(left, TimeUnit.NANOSECONDS)) {
                    child.process().destroyForcibly();
                }
            } catch (InterruptedException e) {
                interrupted = true;
                child.process().destroyForcibly();
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
