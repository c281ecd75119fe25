package cleave.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LiveLineTest {
    private static final long SECOND = 1_000_000_000L;

    /// The lines of so many steps of so many milliseconds each.
    private static List<String> lines(long first, long steps, long milliseconds) {
        StringWriter text = new StringWriter();
        long[] now = new long[1];
        try (LiveLine line =
                new LiveLine(new PrintWriter(text), "test", "step", first, steps, () -> now[0])) {
            for (long done = first + 1; done <= steps; done++) {
                now[0] += milliseconds * SECOND / 1000;
                line.show(done, "loss 1");
            }
        }
        return text.toString().lines().toList();
    }

    @ParameterizedTest
    @CsvSource({"0, 4000, 100", "0, 100000, 900", "3000, 4000, 600000", "0, 25, 60000", "0, 3, 1"})
    void elsewhereThanOnATerminalThereAreAtMostTwentyLines(
            long first, long steps, long milliseconds) {
        List<String> lines = lines(first, steps, milliseconds);

        assertThat(lines).hasSizeBetween(1, 20);
        assertThat(lines.getLast()).startsWith("step %d/%d  loss 1".formatted(steps, steps));
    }

    @Test
    void theFirstStepAloneSaysNothingOfHowLongItTakes() {
        // Steps of 15 s, of which the first is no measure; after the second 98 are left.
        List<String> lines = lines(0, 100, 15_000);

        assertThat(lines.getFirst()).isEqualTo("step 1/100  loss 1");
        assertThat(lines.get(1)).endsWith("0.1 steps/s  23:15 left"); // 93 of 100 are left
    }

    @ParameterizedTest
    @CsvSource({"4000, 100", "100000, 900"})
    void theFirstLineComesEarly(long steps, long milliseconds) {
        long done = 10_000 / milliseconds + 1;

        assertThat(lines(0, steps, milliseconds).getFirst())
                .startsWith("step %d/%d".formatted(done, steps));
    }
}
