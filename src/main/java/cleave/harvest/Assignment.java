package cleave.harvest;

import java.util.Arrays;

/// Which thing on one side goes with which on the other, each with one at most, so that the worths
/// of the pairs add up to the most there is (by the Hungarian method).
final class Assignment {
    private Assignment() {}

    /// The column that each row goes with, -1 where there are fewer columns and none is left for
    /// it.
    ///
    /// @param worth `[row][column]`
    static int[] of(double[][] worth) {
        int rows = worth.length;
        int columns = rows == 0 ? 0 : worth[0].length;
        if (rows <= columns) {
            return ofWide(worth);
        }
        double[][] turned = new double[columns][rows];
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                turned[column][row] = worth[row][column];
            }
        }
        int[] found = new int[rows];
        Arrays.fill(found, -1);
        int[] rowOf = ofWide(turned);
        for (int column = 0; column < columns; column++) {
            found[rowOf[column]] = column;
        }
        return found;
    }

    /// No more rows than columns. A row after another finds its column, others giving theirs up for
    /// what costs least; `row` and `column` are prices. Places are counted from 1, 0 is none.
    private static int[] ofWide(double[][] worth) {
        int rows = worth.length;
        int columns = rows == 0 ? 0 : worth[0].length;
        double[] row = new double[rows + 1];
        double[] column = new double[columns + 1];
        int[] owner = new int[columns + 1];
        int[] before = new int[columns + 1];
        for (int next = 1; next <= rows; next++) {
            owner[0] = next;
            double[] least = new double[columns + 1];
            Arrays.fill(least, Double.POSITIVE_INFINITY);
            boolean[] done = new boolean[columns + 1];
            int at = 0;
            do {
                done[at] = true;
                double delta = Double.POSITIVE_INFINITY;
                int to = 0;
                for (int j = 1; j <= columns; j++) {
                    if (done[j]) {
                        continue;
                    }
                    double cost = -worth[owner[at] - 1][j - 1] - row[owner[at]] - column[j];
                    if (cost < least[j]) {
                        least[j] = cost;
                        before[j] = at;
                    }
                    if (least[j] < delta) {
                        delta = least[j];
                        to = j;
                    }
                }
                for (int j = 0; j <= columns; j++) {
                    if (done[j]) {
                        row[owner[j]] += delta;
                        column[j] -= delta;
                    } else {
                        least[j] -= delta;
                    }
                }
                at = to;
            } while (owner[at] != 0);
            while (at != 0) {
                owner[at] = owner[before[at]];
                at = before[at];
            }
        }
        int[] found = new int[rows];
        for (int j = 1; j <= columns; j++) {
            if (owner[j] > 0) {
                found[owner[j] - 1] = j - 1;
            }
        }
        return found;
    }
}
