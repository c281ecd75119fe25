package cleave.analysis;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.tensor.Draws;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class MatchedDrawTest {
    private static Draws.Key key(long draw) {
        return Draws.key(0, Draws.Purpose.EVALUATION).with(draw);
    }

    @Test
    void picksAmongTheNearestAlikeNormsWithoutRepeating() {
        // Active: 5 and 1. Near 5: 4.9, 5.2, 5.5 (6 is the fourth); near 1: 0.9 and 1.1 (0.3 is not
        // within a factor 2, 3 neither).
        double[] norms = {5, 1, 4.9, 5.2, 5.5, 6, 0.9, 1.1, 0.3, 3};
        Set<Integer> large = new HashSet<>();
        Set<Integer> small = new HashSet<>();
        for (int draw = 0; draw < 50; draw++) {
            List<Integer> picked =
                    MatchedDraw.pick(
                            norms, List.of(1, 0), List.of(2, 3, 4, 5, 6, 7, 8, 9), key(draw));
            assertThat(picked).hasSize(2);
            large.add(picked.get(0));
            small.add(picked.get(1));
        }
        assertThat(large).containsExactlyInAnyOrder(2, 3, 4);
        assertThat(small).containsExactlyInAnyOrder(6, 7);
    }

    @Test
    void takesTheNearestWhereNoneIsAlike() {
        assertThat(
                        MatchedDraw.pick(
                                new double[] {5, 0.1, 0.2, 0.3},
                                List.of(0),
                                List.of(1, 2, 3),
                                key(0)))
                .containsExactly(3);
    }

    @Test
    void takesFewerWhereInactiveOnesRunOut() {
        assertThat(MatchedDraw.pick(new double[] {1, 1, 1}, List.of(0, 1), List.of(2), key(0)))
                .containsExactly(2);
        assertThat(MatchedDraw.pick(new double[] {1}, List.of(0), List.of(), key(0))).isEmpty();
    }

    @Test
    void isTheSameForTheSameKey() {
        double[] norms = {1, 1, 1, 1, 1, 1};
        assertThat(MatchedDraw.pick(norms, List.of(0, 1), List.of(2, 3, 4, 5), key(7)))
                .isEqualTo(MatchedDraw.pick(norms, List.of(1, 0), List.of(5, 4, 3, 2), key(7)));
    }
}
