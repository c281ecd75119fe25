package cleave.explore;

import cleave.config.UserError;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A file of lines of which any one can be read: where each begins is in memory, the text is not.
final class LineFile {
    private final Path file;
    private final long[] starts; // of each line, then the end

    private LineFile(Path file, long[] starts) {
        this.file = file;
        this.starts = starts;
    }

    /// Finds the lines of a file; what follows the last line's end is none.
    static LineFile of(Path file) {
        List<Long> starts = new ArrayList<>(List.of(0L));
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
            byte[] buffer = new byte[1 << 16];
            long at = 0;
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                for (int i = 0; i < n; i++) {
                    if (buffer[i] == '\n') {
                        starts.add(at + i + 1);
                    }
                }
                at += n;
            }
        } catch (IOException failure) {
            throw new UserError(
                    "harvest must be readable, got %s (%s)"
                            .formatted(UserError.reason(failure), file),
                    failure);
        }
        return new LineFile(file, starts.stream().mapToLong(Long::longValue).toArray());
    }

    /// How many lines there are.
    int count() {
        return starts.length - 1;
    }

    /// The bytes of a line, without its end.
    byte[] line(int index) throws IOException {
        int length = (int) (starts[index + 1] - starts[index] - 1);
        ByteBuffer bytes = ByteBuffer.allocate(length);
        try (FileChannel channel = FileChannel.open(file)) {
            while (bytes.hasRemaining()) {
                if (channel.read(bytes, starts[index] + bytes.position()) < 0) {
                    throw new IOException("the file became shorter while it was read");
                }
            }
        }
        return Arrays.copyOf(bytes.array(), length);
    }
}
