package cleave.command;

import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import org.jspecify.annotations.Nullable;

/// The warnings of a command: what it says about its input beside its result, such as that a
/// checkpoint is damaged and an older one was read. `--json` repeats them, so that a program that
/// reads the result sees what it was made of.
public final class Warnings implements AutoCloseable {
    private static final Logger ROOT = Logger.getLogger("");
    private static final ThreadLocal<@Nullable List<String>> SAID = new ThreadLocal<>();

    private final Handler handler =
            new Handler() {
                @Override
                public void publish(LogRecord entry) {
                    List<String> said = SAID.get();
                    if (said != null && entry.getLevel().intValue() >= Level.WARNING.intValue()) {
                        said.add(new SimpleFormatter().formatMessage(entry));
                    }
                }

                @Override
                public void flush() {}

                @Override
                public void close() {}
            };

    private Warnings() {}

    /// Begins to collect what the calling thread warns of, until the result of this is closed.
    public static Warnings collect() {
        Warnings warnings = new Warnings();
        SAID.set(new ArrayList<>());
        ROOT.addHandler(warnings.handler);
        return warnings;
    }

    /// What was collected so far.
    static List<String> said() {
        List<String> said = SAID.get();
        return said == null ? List.of() : List.copyOf(said);
    }

    @Override
    public void close() {
        ROOT.removeHandler(handler);
        SAID.remove();
    }
}
