package cleave.sweep;

import cleave.ranks.Place;
import java.io.BufferedReader;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/// Runs `cleave decompose` in processes of their own, so that one that crashes takes nothing with
/// it.
///
/// A child ends, and saves, when its standard input closes: when `stop` is called, and also when
/// this process is killed.
final class ChildRun {
    /// How many of its last words a failure is told with.
    private static final int LAST_WORDS = 4;

    private final List<String> program;
    private final Set<Process> alive = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean stopped = new AtomicBoolean();

    /// @param program the beginning of the command line: JVM, flags, class path and main class
    ChildRun(List<String> program) {
        this.program = List.copyOf(program);
    }

    /// How a child ended.
    ///
    /// @param lastWords what it said after its last line of progress
    record Ending(int exitCode, String lastWords) {
        @Override
        public String toString() {
            return lastWords.isEmpty()
                    ? "exit code " + exitCode
                    : "exit code %d: %s".formatted(exitCode, lastWords);
        }
    }

    /// Runs a child to its end.
    ///
    /// @param say takes each line it prints
    Ending run(List<String> arguments, Consumer<String> say) throws IOException {
        List<String> command = new ArrayList<>(program);
        command.addAll(arguments);
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        Place.leave(builder.environment()); // a run is one process's, also of a sweep by ranks
        Process child = builder.start();
        alive.add(child);
        try {
            if (stopped.get()) { // the stop may have come before the child was known
                closeInput(child);
            }
            Deque<String> words = new ArrayDeque<>();
            try (BufferedReader output = child.inputReader()) {
                for (String line = output.readLine(); line != null; line = output.readLine()) {
                    say.accept(line);
                    if (line.matches("step \\d+/\\d+ .*")) {
                        words.clear();
                    } else {
                        words.addLast(line);
                    }
                    if (words.size() > LAST_WORDS) {
                        words.removeFirst();
                    }
                }
            }
            return new Ending(child.waitFor(), String.join("\n", words));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while waiting for a run", interrupted);
        } finally {
            alive.remove(child);
        }
    }

    /// Lets every child end.
    void stop() {
        stopped.set(true);
        alive.forEach(ChildRun::closeInput);
    }

    private static void closeInput(Process child) {
        try {
            child.getOutputStream().close();
        } catch (IOException gone) {
            // Then it has ended.
        }
    }
}
