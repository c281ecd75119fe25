package cleave.config;

import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;

/// Refuses work whose number a user gave and which this machine would not end within a month, once
/// its first seconds have shown how long a part of it takes.
///
/// A number with a few digits too many would else run without an end in sight.
public final class Reach {
    /// What takes longer is refused.
    public static final Duration LONGEST = Duration.ofDays(30);

    // A program's first second is slower than all others.
    private static final Duration WATCHED_FROM = Duration.ofSeconds(3);
    // Later on the machine may have slept, and what is done is worth keeping.
    private static final Duration WATCHED_TO = Duration.ofSeconds(60);

    private final String name;
    private final long asked;
    private final LongSupplier clock;
    private final long begun;

    /// Work that begins now.
    ///
    /// @param name of the number, for messages, as in `--steps`
    /// @param asked how many parts the user asks for
    public Reach(String name, long asked) {
        this(name, asked, System::nanoTime);
    }

    /// @param clock nanoseconds
    Reach(String name, long asked, LongSupplier clock) {
        this.name = name;
        this.asked = asked;
        this.clock = clock;
        begun = clock.getAsLong();
    }

    /// Is told how many parts are done.
    ///
    /// @throws UserError when all of them would take longer than a month, with how long
    public void done(long parts) {
        long spent = clock.getAsLong() - begun;
        if (parts < 1 || spent < WATCHED_FROM.toNanos() || spent > WATCHED_TO.toNanos()) {
            return;
        }
        double seconds = 1e-9 * spent / parts * asked;
        if (seconds > LONGEST.toSeconds()) {
            throw new UserError(
                    String.format(
                            Locale.ROOT,
                            "%s must end within %d days on this machine, got %d, which takes %.0f days (%.3g ms each)",
                            name,
                            LONGEST.toDays(),
                            asked,
                            seconds / Duration.ofDays(1).toSeconds(),
                            1e-6 * spent / parts));
        }
    }
}
