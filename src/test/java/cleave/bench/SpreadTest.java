package cleave.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class SpreadTest {
    /// Sorted 1, 2, 4, 8, 100: places 1, 2 and 3.
    @Test
    void quartilesOfAnOddNumberAreAmongThem() {
        assertThat(Spread.of(List.of(8.0, 100.0, 1.0, 4.0, 2.0))).isEqualTo(new Spread(4, 2, 8, 5));
    }

    /// Sorted 0, 10, 20, 40: places 0.75, 1.5 and 2.25.
    @Test
    void betweenNeighboursTheyLieOnALine() {
        assertThat(Spread.of(List.of(40.0, 0.0, 20.0, 10.0))).isEqualTo(new Spread(15, 7.5, 25, 4));
    }

    @Test
    void oneTimeIsItsOwnSpread() {
        assertThat(Spread.of(List.of(3.0))).isEqualTo(new Spread(3, 3, 3, 1));
    }
}
