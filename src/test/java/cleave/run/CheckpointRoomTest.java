package cleave.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/// Checkpoints of 2 MiB and a target of 1: 3 x 2 + 1 = 7 MiB.
class CheckpointRoomTest {
    private static final double MEBIBYTE = 1 << 20;

    @Test
    void exactlyWhatIsNeededIsEnough() {
        assertThat(room(7 * MEBIBYTE).problem()).isEmpty();
        assertThat(room(Double.POSITIVE_INFINITY).problem()).isEmpty();
    }

    @Test
    void aByteLessIsAProblemWithBothSizes() {
        assertThat(room(7 * MEBIBYTE - 1).problem())
                .hasValue(
                        "free disk must be >= 7.0 MiB for three checkpoints and the target, got 7.0 MiB (runs)");
        assertThat(room(MEBIBYTE).problem().orElseThrow()).endsWith("got 1.0 MiB (runs)");
    }

    private static CheckpointRoom room(double free) {
        return new CheckpointRoom(2 * MEBIBYTE, MEBIBYTE, free, Path.of("runs"));
    }
}
