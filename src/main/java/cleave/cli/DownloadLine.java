package cleave.cli;

import cleave.hub.Hub;
import java.io.Console;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/// Says on standard error how far downloads are: a bar a file on a terminal, a line now and then
/// elsewhere.
final class DownloadLine implements Hub.Listener {
    private static final long QUIET_NANOSECONDS = 10_000_000_000L;
    private static final long MEGABYTE = 1_000_000;

    private final PrintWriter err;
    private final boolean terminal =
            Optional.ofNullable(System.console()).filter(Console::isTerminal).isPresent();
    private @Nullable ProgressBar bar;
    private String current = "";
    private long printed;

    DownloadLine(PrintWriter err) {
        this.err = err;
    }

    @Override
    public void note(String line) {
        err.println("note: " + line);
        err.flush();
    }

    @Override
    public void progress(String file, long done, long size) {
        if (terminal) {
            bar(file, done, size);
            return;
        }
        long now = System.nanoTime();
        boolean first = !file.equals(current);
        if (first || done == size || now - printed > QUIET_NANOSECONDS) {
            current = file;
            printed = now;
            err.println(
                    String.format(
                            Locale.ROOT,
                            "download %s  %.1f of %.1f MB",
                            file,
                            (double) done / MEGABYTE,
                            (double) size / MEGABYTE));
            err.flush();
        }
    }

    private void bar(String file, long done, long size) {
        if (bar == null || !file.equals(current)) {
            current = file;
            bar =
                    new ProgressBarBuilder()
                            .setTaskName(file)
                            .setInitialMax(size)
                            .startsFrom(done, Duration.ZERO)
                            .setUnit(" MB", MEGABYTE)
                            .setStyle(ProgressBarStyle.ASCII)
                            .setUpdateIntervalMillis(200)
                            .setConsumer(new ConsoleProgressBarConsumer(System.err))
                            .build();
        }
        bar.stepTo(done);
        if (done == size) {
            bar.close();
            bar = null;
        }
    }
}
