package cleave.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TurnsTest {
    /// Rounds of two steps: 210 by 105, 420 by 210 on a machine half as fast, 630 by 105 while
    /// something disturbed the first job alone: 2, 2 and 6. The quotient of the medians, 210 by 55,
    /// would be 3.8.
    @Test
    void quotientIsTakenRoundByRound() {
        Turns.Times slow = times(100, 110, 200, 220, 300, 330);
        Turns.Times quick = times(50, 55, 100, 110, 50, 55);

        assertThat(slow.over(quick)).isEqualTo(2.0);
    }

    @Test
    void jobsThatFailedHaveNoQuotient() {
        Turns.Times failed = new Turns.Times(List.of(), null, Map.of(), "killed");

        assertThat(failed.over(times(1, 2))).isNull();
        assertThat(times(1, 2).over(failed)).isNull();
    }

    private static Turns.Times times(double... milliseconds) {
        return new Turns.Times(Arrays.stream(milliseconds).boxed().toList(), null, Map.of(), null);
    }
}
