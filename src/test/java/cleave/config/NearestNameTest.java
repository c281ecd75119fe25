package cleave.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NearestNameTest {
    @ParameterizedTest
    @CsvSource({
        "steps, steps, 0",
        "steps, step, 1",
        "steps, setps, 1",
        "kitten, sitting, 3",
        "'', abc, 3",
        "learningRate, learning_rate, 2",
    })
    void countsEdits(String first, String second, int edits) {
        assertThat(NearestName.distance(first, second)).isEqualTo(edits);
        assertThat(NearestName.distance(second, first)).isEqualTo(edits);
    }

    @Test
    void findsTheNearestOfSeveral() {
        assertThat(NearestName.of("steos", List.of("stops", "steps", "stem"))).contains("steps");
        assertThat(NearestName.of("stps", List.of("stop", "steps"))).contains("steps");
        assertThat(NearestName.of("bat", List.of("cat", "hat"))).contains("cat");
    }

    @Test
    void findsNothingWhenNothingIsNear() {
        assertThat(NearestName.of("banana", List.of("steps", "seed"))).isEmpty();
        assertThat(NearestName.of("x", List.of())).isEmpty();
        assertThat(NearestName.of("q", List.of("p"))).isEmpty();
        assertThat(NearestName.of("", List.of("p"))).isEmpty();
    }
}
