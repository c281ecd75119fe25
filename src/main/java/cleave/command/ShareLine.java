package cleave.command;

import java.io.PrintWriter;
import java.util.function.DoubleConsumer;

/// The live line of a computation that tells which share of it is done. What takes less than ten
/// seconds says nothing where there is no terminal.
public final class ShareLine implements DoubleConsumer, AutoCloseable {
    private static final int PARTS = 100;

    private final LiveLine line;

    /// Begins the line.
    ///
    /// @param name of what is computed
    public ShareLine(PrintWriter err, String name) {
        line = new LiveLine(err, name, "hundredth", 0, PARTS);
    }

    /// Says that this share, from 0 to 1, is done. The end is for the result to tell.
    @Override
    public void accept(double share) {
        int done = (int) Math.floor(PARTS * share);
        if (done > 0 && done < PARTS) {
            line.show(done, "");
        }
    }

    @Override
    public void close() {
        line.close();
    }
}
