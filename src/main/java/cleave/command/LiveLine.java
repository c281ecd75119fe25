package cleave.command;

import cleave.training.Trainer;
import java.io.Console;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/// One live line about a long computation: a bar on a terminal, at most 20 lines elsewhere.
public final class LiveLine implements AutoCloseable {
    private static final long QUIET_NANOSECONDS = 10_000_000_000L;

    /// Lines between the first one, which comes early, and the last.
    private static final int BETWEEN = 18;

    private final PrintWriter err;
    private final String unit;
    private final long first;
    private final long steps;
    private final LongSupplier clock;
    private final long start;
    private final @Nullable ProgressBar bar;
    private long lastPrinted;
    private double next;

    public LiveLine(PrintWriter err, String name, long first, long steps) {
        this(err, name, "step", first, steps);
    }

    /// A line about something else than steps.
    ///
    /// @param unit what is counted, in the singular
    public LiveLine(PrintWriter err, String name, String unit, long first, long steps) {
        this(err, name, unit, first, steps, System::nanoTime);
    }

    /// The same with a clock of one's own, in nanoseconds.
    LiveLine(
            PrintWriter err, String name, String unit, long first, long steps, LongSupplier clock) {
        this.clock = clock;
        this.start = clock.getAsLong();
        this.lastPrinted = start;
        this.err = err;
        this.unit = unit;
        this.first = first;
        this.steps = steps;
        boolean terminal =
                Optional.ofNullable(System.console()).filter(Console::isTerminal).isPresent();
        bar =
                terminal
                        ? new ProgressBarBuilder()
                                .setTaskName(name)
                                .setInitialMax(steps)
                                .startsFrom(first, Duration.ZERO)
                                .setStyle(ProgressBarStyle.ASCII)
                                .setUpdateIntervalMillis(500)
                                .hideEta()
                                .setConsumer(new ConsoleProgressBarConsumer(System.err))
                                .build()
                        : null;
    }

    /// Says how far it is; `done` steps are complete.
    public void show(long done, String text) {
        String line = (text + "  " + pace(done)).strip();
        if (bar != null) {
            bar.stepTo(done);
            bar.setExtraMessage(line);
            return;
        }
        long now = clock.getAsLong();
        if ((now - lastPrinted > QUIET_NANOSECONDS && done >= next) || done == steps) {
            lastPrinted = now;
            next = done + (steps - first) / (double) BETWEEN;
            err.println("%s %d/%d  %s".formatted(unit, done, steps, line));
            err.flush();
        }
    }

    /// How fast it goes and how long it takes. The first step alone tells neither: it is when
    /// everything is loaded and compiled.
    private String pace(long done) {
        if (done - first < 2 && done < steps) {
            return "";
        }
        double seconds = (clock.getAsLong() - start) / 1e9;
        double rate = (done - first) / seconds;
        long left = (long) ((steps - done) / rate);
        return String.format(
                Locale.ROOT, "%.1f %ss/s  %d:%02d left", rate, unit, left / 60, left % 60);
    }

    /// The losses of a training step in short.
    static String text(Trainer.Report report) {
        StringBuilder text = new StringBuilder();
        for (Map.Entry<String, Double> term : report.outcome().terms().entrySet()) {
            text.append(
                    String.format(Locale.ROOT, "%s %.1e  ", brief(term.getKey()), term.getValue()));
        }
        return text.append(
                        String.format(
                                Locale.ROOT,
                                "active/sequence %.1f",
                                report.outcome().activePerSequence()))
                .toString();
    }

    private static String brief(String term) {
        return term.replace("importance_minimality", "minimal")
                .replace("_reconstruction", "")
                .replace("importance", "g-masked")
                .replace("faithfulness", "faithful");
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
