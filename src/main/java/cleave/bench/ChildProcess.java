package cleave.bench;

import cleave.run.ChildJvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/// The parent's end of a child: a JVM like this one, with the same program and flags.
final class ChildProcess implements AutoCloseable {
    private static final int KEPT_LINES = 20;
    private static final int KILLED = 128 + 9;

    private final Process process;
    private final BufferedReader answers;
    private final Writer requests;
    private final Deque<String> complaints = new ArrayDeque<>();
    private final Thread listener;

    private ChildProcess(Process process) {
        this.process = process;
        answers = process.inputReader(StandardCharsets.UTF_8);
        requests = process.outputWriter(StandardCharsets.UTF_8);
        listener = Thread.ofVirtual().start(this::hear);
    }

    /// Starts a child; it loads while others are started.
    static ChildProcess start(Variant variant, Path config, List<String> settings) {
        List<String> arguments = new ArrayList<>(List.of(variant.word(), config.toString()));
        arguments.addAll(settings);
        ProcessBuilder builder = new ProcessBuilder(ChildJvm.command(Child.class, arguments));
        String threads = Integer.toString(variant.inside());
        builder.environment().put("OMP_NUM_THREADS", threads);
        builder.environment().put("OPENBLAS_NUM_THREADS", threads);
        try {
            return new ChildProcess(builder.start());
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private void hear() {
        process.errorReader(StandardCharsets.UTF_8)
                .lines()
                .forEach(line -> {
                    synchronized (complaints) {
                        complaints.addLast(line);
                        if (complaints.size() > KEPT_LINES) {
                            complaints.removeFirst();
                        }
                    }
                });
    }

    /// Waits until the child has loaded.
    Answer ready() {
        return next();
    }

    /// Asks for repetitions: `steps N` or `phases N`.
    Answer ask(String request) {
        try {
            requests.write(request + "\n");
            requests.flush();
        } catch (IOException ended) {
            return end();
        }
        return next();
    }

    /// Asks for repetitions until there were enough and they have taken long enough for the JVM to
    /// compile what they run; ends after a failure.
    Answer warmUp(int repetitions, double seconds) {
        long begun = System.nanoTime();
        Answer answer = ask("steps " + repetitions);
        while (answer.failure() == null && System.nanoTime() - begun < 1e9 * seconds) {
            answer = ask("steps 1");
        }
        return answer;
    }

    private Answer next() {
        try {
            for (String line = answers.readLine(); line != null; line = answers.readLine()) {
                if (Answer.isAnswer(line)) {
                    return Answer.parse(line);
                }
            }
            return end();
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /// What to say of a child that is no more.
    private Answer end() {
        int code = await();
        if (code == KILLED) {
            return Answer.failed("killed, as by the system when memory runs out");
        }
        synchronized (complaints) {
            return Answer.failed(
                    "ended with exit code %d: %s".formatted(code, String.join("\n", complaints)));
        }
    }

    private int await() {
        try {
            int code = process.waitFor();
            listener.join();
            return code;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while a child process was running", e);
        }
    }

    @Override
    public void close() {
        process.destroy();
        await();
    }
}
