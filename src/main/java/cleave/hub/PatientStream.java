package cleave.hub;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// The bytes of an answer, given up when none comes for some time: a connection that only stands
/// there would otherwise be waited for without end.
final class PatientStream extends FilterInputStream {
    private final ScheduledExecutorService clock;
    private final Duration patience;
    private volatile boolean stalled;

    /// @param clock ends a wait
    /// @param patience how long a byte is waited for
    PatientStream(InputStream bytes, ScheduledExecutorService clock, Duration patience) {
        super(bytes);
        this.clock = clock;
        this.patience = patience;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] into, int at, int length) throws IOException {
        Future<?> alarm = clock.schedule(this::giveUp, patience.toMillis(), TimeUnit.MILLISECONDS);
        int count;
        try {
            count = super.read(into, at, length);
        } catch (IOException failure) {
            throw stalled ? stalled(failure) : failure;
        } finally {
            alarm.cancel(false);
        }
        if (count < 0 && stalled) {
            throw stalled(null);
        }
        return count;
    }

    private void giveUp() {
        stalled = true;
        try {
            close();
        } catch (IOException ended) {
            // the wait has ended all the same
        }
    }

    private IOException stalled(@Nullable IOException failure) {
        return new IOException("no byte for %d s".formatted(patience.toSeconds()), failure);
    }
}
