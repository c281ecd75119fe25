package cleave.harvest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.tensor.Draws;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Against all ways to pair.
class AssignmentTest {
    private static double best(double[][] worth, int row, int taken) {
        if (row == worth.length) {
            return 0;
        }
        int columns = worth[0].length;
        double best = Double.NEGATIVE_INFINITY;
        if (worth.length - row > columns - Integer.bitCount(taken)) {
            best = best(worth, row + 1, taken); // more rows than columns: this one goes without
        }
        for (int column = 0; column < columns; column++) {
            if ((taken >> column & 1) == 0) {
                best =
                        Math.max(
                                best,
                                worth[row][column] + best(worth, row + 1, taken | 1 << column));
            }
        }
        return best;
    }

    @ParameterizedTest
    @CsvSource({"4, 6", "6, 4", "5, 5", "1, 3", "3, 1"})
    void thePairsAddUpToTheMostThereIs(int rows, int columns) {
        for (int seed = 0; seed < 20; seed++) {
            double[] numbers = Draws.key(seed, Draws.Purpose.EVALUATION).normals(rows * columns);
            double[][] worth = new double[rows][];
            for (int row = 0; row < rows; row++) {
                worth[row] = Arrays.copyOfRange(numbers, row * columns, (row + 1) * columns);
            }
            int[] found = Assignment.of(worth);
            double sum = 0;
            for (int row = 0; row < rows; row++) {
                sum += found[row] < 0 ? 0 : worth[row][found[row]];
            }
            assertThat(Arrays.stream(found).filter(column -> column >= 0).distinct().count())
                    .isEqualTo(Math.min(rows, columns));
            assertThat(sum).isCloseTo(best(worth, 0, 0), within(1e-12));
        }
    }

    @Test
    void nothingIsPairedWithNothing() {
        assertThat(Assignment.of(new double[0][])).isEmpty();
        assertThat(Assignment.of(new double[][] {{}, {}})).containsExactly(-1, -1);
    }
}
