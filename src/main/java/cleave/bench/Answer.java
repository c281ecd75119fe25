package cleave.bench;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/// What a child says, as one line of standard output.
///
/// @param milliseconds of each repetition asked for
/// @param before resident memory before the first repetition, bytes; null where the system does not
///   say
/// @param peak most resident memory since then, bytes; null where the system does not say
/// @param phases thread-milliseconds by phase, where they were asked for
/// @param failure why it cannot go on; null when all is well
record Answer(
        List<Double> milliseconds,
        @Nullable Long before,
        @Nullable Long peak,
        Map<String, Double> phases,
        @Nullable String failure) {
    /// Marks the lines that are answers: a JVM may say other things on standard output.
    private static final String MARK = "cleave-bench ";

    private static final JsonMapper JSON = new JsonMapper();

    static Answer ready() {
        return new Answer(List.of(), null, null, Map.of(), null);
    }

    static Answer failed(String why) {
        return new Answer(List.of(), null, null, Map.of(), why);
    }

    /// How far the peak is above the memory before.
    @Nullable Long growth() {
        return before == null || peak == null ? null : peak - before;
    }

    String line() {
        return MARK + JSON.writeValueAsString(this);
    }

    static boolean isAnswer(String line) {
        return line.startsWith(MARK);
    }

    static Answer parse(String line) {
        return JSON.readValue(line.substring(MARK.length()), Answer.class);
    }
}
