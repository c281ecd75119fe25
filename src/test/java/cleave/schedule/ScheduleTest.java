package cleave.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import cleave.testing.Differences;
import cleave.testing.Golden;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class ScheduleTest {
    @Test
    void everyKindAgreesWithTheReference() {
        Differences differences = Golden.differences("schedules.json");
        for (JsonNode listed : Golden.read("schedules.json").get("schedules")) {
            Schedule schedule = Golden.schedule(listed.get("schedule"));
            long steps = listed.get("steps").asLong();
            double[] expected = Golden.numbers(listed.get("values"));
            for (int i = 0; i < expected.length; i++) {
                long step = listed.get("at").get(i).asLong();
                differences.check(schedule + " at " + step, schedule.at(step, steps), expected[i]);
            }
        }
        differences.report();
    }

    @Test
    void workedExamplesHold() {
        for (JsonNode check : Golden.read("schedules.json").get("checks")) {
            Schedule schedule = Golden.schedule(check.get("schedule"));
            assertThat(schedule.at(check.get("at").asLong(), check.get("steps").asLong()))
                    .as(check.get("name").asString())
                    .isEqualTo(check.get("value").asDouble());
        }
    }

    @Test
    void aRunOfOneStepTakesTheStartValue() {
        assertThat(new Schedule.Cosine(3, 0, Optional.empty(), Optional.empty()).at(0, 1))
                .isEqualTo(3);
        assertThat(new Schedule.Linear(3, 0, Optional.empty(), Optional.empty()).at(0, 1))
                .isEqualTo(3);
    }

    @Test
    void theLastStepTakesTheEndValueExactly() {
        assertThat(
                        new Schedule.QuarterCosine(4e-3, 0, Optional.empty(), Optional.empty())
                                .at(9, 10))
                .isZero();
        assertThat(new Schedule.Cosine(4e-3, 0, Optional.empty(), Optional.empty()).at(9, 10))
                .isZero();
    }

    @Test
    void anEmptyStretchIsAJump() {
        Schedule jump = new Schedule.Linear(1, 2, Optional.of(0.5), Optional.of(0.5));
        assertThat(jump.at(4, 11)).isEqualTo(1);
        assertThat(jump.at(5, 11)).isEqualTo(2);
        assertThat(jump.at(6, 11)).isEqualTo(2);
    }

    @Test
    void pointsAreJoinedByStraightLines() {
        Schedule points =
                new Schedule.Points(List.of(0.2, 0.4, 0.4, 0.8), List.of(1.0, 3.0, 10.0, 2.0));
        double[] expected = {1, 1, 1, 2, 10, 8, 6, 4, 2, 2, 2}; // by hand, at 0, 0.1, .. 1
        for (int step = 0; step <= 10; step++) {
            assertThat(points.at(step, 11)).isCloseTo(expected[step], within(1e-12));
        }
        assertThat(points.at(0, 1)).isEqualTo(1);
    }

    @Test
    void pointsComeInOrderAndInPairs() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Schedule.Points(List.of(0.5, 0.2), List.of(1.0, 2.0)))
                .withMessage("at must not go back, got [0.5, 0.2]");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Schedule.Points(List.of(0.5), List.of(1.0, 2.0)))
                .withMessage("at and values must be of one length, got 1 and 2");
    }

    @Test
    void aWarmUpShareMustBeAShare() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Schedule.Warmup(1.5, Schedule.constant(1)))
                .withMessage("fraction must be in 0..1, got 1.5");
    }
}
