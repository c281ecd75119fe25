package cleave.explore;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What a run's training has recorded since somebody last looked.
///
/// @param from the byte of the file that the first line begins at
/// @param next the byte after the last whole line
/// @param more whether there are lines after it already
/// @param lines the steps that were logged, with their numbers
record MetricsView(long from, long next, boolean more, List<JsonNode> lines) {
    /// Bytes that are read at a time.
    static final int MOST = 1 << 21;

    private static final JsonMapper JSON = new JsonMapper();

    /// Reads on from a byte; from the beginning where the file has become shorter than that, and
    /// nothing where there is no file yet.
    static MetricsView of(Path file, long from) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            long begin = from > channel.size() ? 0 : from;
            ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(MOST, channel.size() - begin));
            while (bytes.hasRemaining() && channel.read(bytes, begin + bytes.position()) >= 0) {}
            byte[] read = bytes.array();
            int end = bytes.position();
            while (end > 0 && read[end - 1] != '\n') {
                end--; // a line that is still being written
            }
            long next = begin + end;
            return new MetricsView(
                    begin,
                    next,
                    end > 0 && next < channel.size(),
                    lines(new String(read, 0, end, StandardCharsets.UTF_8)));
        } catch (NoSuchFileException notYet) {
            return new MetricsView(0, 0, false, List.of());
        }
    }

    private static List<JsonNode> lines(String text) {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : text.lines().toList()) {
            try {
                JsonNode node = JSON.readTree(line);
                if (node != null && node.isObject()) {
                    lines.add(node);
                }
            } catch (JacksonException torn) {
                // Whoever reads the records passes a torn line over.
            }
        }
        return lines;
    }
}
