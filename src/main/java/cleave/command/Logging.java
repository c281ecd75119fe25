package cleave.command;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.List;
import java.util.logging.ConsoleHandler;
import java.util.logging.ErrorManager;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/// Where messages go: to standard error in plain words, and with time and level to a run's
/// `log.txt`.
public final class Logging implements AutoCloseable {
    private static final Logger ROOT = Logger.getLogger("");

    /// The reader of Parquet says how it unpacks and computes, which nobody asked.
    private static final Logger PARQUET = Logger.getLogger("dev.hardwood");

    private final Handler handler;

    private Logging(Handler handler) {
        this.handler = handler;
    }

    /// Messages to standard error, without dates or class names.
    public static void toStandardError() {
        PARQUET.setLevel(Level.WARNING);
        for (Handler handler : ROOT.getHandlers()) {
            ROOT.removeHandler(handler);
        }
        ConsoleHandler console = new ConsoleHandler();
        console.setFormatter(
                new Formatter() {
                    @Override
                    public String format(LogRecord entry) {
                        return formatMessage(entry) + System.lineSeparator();
                    }
                });
        ROOT.addHandler(console);
    }

    /// Keeps messages below warnings off standard error until it is closed; logs of runs have them.
    public static Quiet warningsOnly() {
        List<Handler> consoles =
                Arrays.stream(ROOT.getHandlers())
                        .filter(ConsoleHandler.class::isInstance)
                        .filter(handler -> handler.getLevel().intValue() <= Level.INFO.intValue())
                        .toList();
        consoles.forEach(console -> console.setLevel(Level.WARNING));
        return () -> consoles.forEach(console -> console.setLevel(Level.INFO));
    }

    /// A time without messages.
    @FunctionalInterface
    public interface Quiet extends AutoCloseable {
        @Override
        void close();
    }

    /// Messages also to the log of a run, from when its folder exists.
    static Logging toFile(Path run) {
        Handler handler = new RunLog(run.resolve("log.txt"));
        handler.setFormatter(
                new Formatter() {
                    @Override
                    public String format(LogRecord entry) {
                        return "%s %s %s%n"
                                .formatted(
                                        DateTimeFormatter.ISO_INSTANT.format(
                                                entry.getInstant().atZone(ZoneOffset.UTC)),
                                        entry.getLevel(),
                                        formatMessage(entry));
                    }
                });
        ROOT.addHandler(handler);
        return new Logging(handler);
    }

    /// No messages but of failures until this is closed: of several ranks one speaks.
    static Logging toNobody() {
        Handler none =
                new Handler() {
                    @Override
                    public void publish(LogRecord entry) {}

                    @Override
                    public void flush() {}

                    @Override
                    public void close() {
                        ROOT.setLevel(Level.INFO);
                    }
                };
        ROOT.setLevel(Level.SEVERE);
        ROOT.addHandler(none);
        return new Logging(none);
    }

    /// Puts why a run ended into its log alone; standard error has it from elsewhere.
    void failed(String message) {
        handler.publish(new LogRecord(Level.SEVERE, message));
    }

    @Override
    public void close() {
        ROOT.removeHandler(handler);
        handler.close();
    }

    /// Appends to a file whose folder may come to be later, or never.
    private static final class RunLog extends Handler {
        private final Path file;

        RunLog(Path file) {
            this.file = file;
            setErrorManager(new Once());
        }

        @Override
        public synchronized void publish(LogRecord entry) {
            if (entry.getLevel().intValue() < Level.INFO.intValue()
                    || !Files.isRegularFile(file.resolveSibling("run.json"))) {
                return;
            }
            try {
                Files.writeString(
                        file,
                        getFormatter().format(entry),
                        java.nio.file.StandardOpenOption.CREATE,
                        java.nio.file.StandardOpenOption.APPEND);
            } catch (IOException failure) {
                reportError(file.toString(), failure, ErrorManager.WRITE_FAILURE);
            }
        }

        /// Says the first failure only, in one line.
        private static final class Once extends ErrorManager {
            private boolean said;

            @Override
            public synchronized void error(String file, Exception failure, int code) {
                if (!said) {
                    said = true;
                    System.err.println("cannot write %s: %s".formatted(file, failure.getMessage()));
                }
            }
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
    }
}
