package cleave.run;

import cleave.config.UserError;
import cleave.tensor.AtomicFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.json.JsonMapper;

/// `metrics.jsonl`: one flat JSON object per line, the step and numbers by name.
///
/// A line is handed to the operating system whole; the last one may still be torn by a power cut,
/// and is then passed over.
public final class MetricsLog implements AutoCloseable {
    private static final String STEP = "step";

    /// Seconds since the session's first step began.
    static final String SECONDS = "session_seconds";

    private static final JsonMapper JSON =
            JsonMapper.builder().disable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY).build();

    private final Path file;
    private final FileChannel channel;

    private MetricsLog(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /// The numbers of one step, in the order they were logged; null where one was not finite.
    public record Line(long step, Map<String, @Nullable Double> values) {
        /// Keeps an unmodifiable copy.
        public Line {
            values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
        }
    }

    /// Opens the log of a run for appending, after its last whole line.
    public static MetricsLog append(RunDirectory run) throws IOException {
        return cutBackTo(run, Long.MAX_VALUE);
    }

    /// Removes the lines of later steps than `step`, and opens the log for appending.
    public static MetricsLog cutBackTo(RunDirectory run, long step) throws IOException {
        run.checkWritable();
        Path file = run.metricsFile();
        if (Files.exists(file)) {
            String text = text(file);
            String kept =
                    parse(file, text).stream()
                            .filter(parsed -> parsed.line().step() <= step)
                            .map(parsed -> parsed.text() + "\n")
                            .collect(Collectors.joining());
            if (!kept.equals(text)) {
                AtomicFile.write(file, kept);
            }
        }
        return new MetricsLog(
                file, FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND));
    }

    /// Appends one line. A number that is not finite is written as null.
    public void append(long step, Map<String, ? extends Number> values) throws IOException {
        Map<String, @Nullable Object> line = new LinkedHashMap<>();
        line.put(STEP, step);
        values.forEach((name, value) -> {
            if (name.equals(STEP)) {
                throw new IllegalArgumentException(
                        "metric name must differ from step, got step (%s)".formatted(file));
            }
            line.put(name, Double.isFinite(value.doubleValue()) ? value : null);
        });
        byte[] bytes = (JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8);
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        try {
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
        } catch (IOException failure) {
            throw new IOException(
                    "%s could not be written: %s".formatted(file, failure.getMessage()), failure);
        }
    }

    /// Makes the appended lines durable.
    public void sync() throws IOException {
        channel.force(true);
    }

    /// Makes the appended lines durable and closes the file.
    @Override
    public void close() throws IOException {
        if (channel.isOpen()) {
            channel.force(true);
            channel.close();
        }
    }

    /// Reads the log of a run; empty when nothing was logged.
    public static List<Line> read(RunDirectory run) {
        Path file = run.metricsFile();
        if (!Files.exists(file)) {
            return List.of();
        }
        try {
            return parse(file, text(file)).stream().map(Parsed::line).toList();
        } catch (IOException failure) {
            throw new UserError(
                    "metrics must be readable, got %s (%s)"
                            .formatted(UserError.reason(failure), file),
                    failure);
        }
    }

    /// Seconds of training in a run's steps, over all its sessions: what each session's last line
    /// that stands says. A session is told from the one before by a smaller number.
    public static double trainingSeconds(RunDirectory run) {
        double before = 0;
        double last = 0;
        for (Line line : read(run)) {
            Double seconds = line.values().get(SECONDS);
            if (seconds != null) {
                before += seconds < last ? last : 0;
                last = seconds;
            }
        }
        return before + last;
    }

    private record Parsed(String text, Line line) {}

    /// Malformed bytes become replacement characters: a torn line may end within a character.
    private static String text(Path file) throws IOException {
        return new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
    }

    private static List<Parsed> parse(Path file, String text) {
        List<Parsed> parsed = new ArrayList<>();
        int begin = 0;
        for (int end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', begin)) {
            String line = text.substring(begin, end);
            begin = end + 1;
            try {
                parsed.add(new Parsed(line, line(JSON.readTree(line))));
            } catch (JacksonException | IllegalArgumentException malformed) {
                if (begin == text.length()) {
                    break; // the last line
                }
                throw new UserError(
                        "metrics line must be a JSON object of numbers with a step, got %s (%s:%d)"
                                .formatted(line, file, parsed.size() + 1),
                        malformed);
            }
        }
        return parsed;
    }

    private static Line line(JsonNode node) {
        if (!node.path(STEP).isIntegralNumber()) {
            throw new IllegalArgumentException("no step");
        }
        Map<String, @Nullable Double> values = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> property : node.properties()) {
            JsonNode value = property.getValue();
            if (!value.isNumber() && !value.isNull()) {
                throw new IllegalArgumentException("no number");
            }
            if (!property.getKey().equals(STEP)) {
                values.put(property.getKey(), value.isNull() ? null : value.doubleValue());
            }
        }
        return new Line(node.path(STEP).longValue(), values);
    }
}
