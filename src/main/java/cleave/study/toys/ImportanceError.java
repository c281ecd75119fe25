package cleave.study.toys;

import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.jgrapht.alg.matching.KuhnMunkresMinimalWeightBipartitePerfectMatching;
import org.jgrapht.graph.DefaultWeightedEdge;
import org.jgrapht.graph.SimpleWeightedGraph;

/// How far a matrix of importances `[features][C]`, one feature active per row, is from a known
/// solution, as a count of wrong entries (SPD code's target importance error).
public final class ImportanceError {
    private ImportanceError() {}

    /// Wrong entries against the identity: columns are permuted to make the diagonal largest, then
    /// entries off it above the tolerance count, and those on it below one minus the tolerance.
    public static int identity(double[][] importances, double tolerance) {
        int[] columnOf = assignment(importances);
        int wrong = 0;
        for (int row = 0; row < importances.length; row++) {
            for (int c = 0; c < importances[row].length; c++) {
                boolean diagonal = row < columnOf.length && columnOf[row] == c;
                double g = importances[row][c];
                wrong += (diagonal ? g < 1 - tolerance : g > tolerance) ? 1 : 0;
            }
        }
        return wrong;
    }

    /// Wrong entries against `columns` dense columns: of the columns with the largest sums, entries
    /// missing to `atLeast` ones; of the others, entries above the tolerance.
    public static int dense(double[][] importances, int columns, int atLeast, double tolerance) {
        int[] order = bySum(importances);
        int wrong = 0;
        for (int rank = 0; rank < order.length; rank++) {
            int c = order[rank];
            wrong +=
                    rank < columns
                            ? Math.max(0, atLeast - count(importances, c, 1 - tolerance, true))
                            : count(importances, c, tolerance, false);
        }
        return wrong;
    }

    /// The columns in the order in which a known solution is seen: for the identity those of the
    /// diagonal first, row by row; the others, and all of a dense one, by their sums, largest
    /// first.
    public static List<Integer> order(double[][] importances, boolean identity) {
        Set<Integer> order = new LinkedHashSet<>();
        if (identity) {
            Arrays.stream(assignment(importances)).forEach(order::add);
        }
        Arrays.stream(bySum(importances)).forEach(order::add);
        return List.copyOf(order);
    }

    private static int[] bySum(double[][] importances) {
        double[] sums = new double[importances[0].length];
        for (double[] row : importances) {
            Arrays.setAll(sums, c -> sums[c] + row[c]);
        }
        return IntStream.range(0, sums.length)
                .boxed()
                .sorted(Comparator.comparingDouble((Integer c) -> -sums[c]))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    private static int count(double[][] importances, int c, double bound, boolean inclusive) {
        return (int)
                Arrays.stream(importances)
                        .filter(row -> row[c] > bound || (inclusive && row[c] == bound))
                        .count();
    }

    /// The column of each of the first `min(features, C)` rows that makes their sum largest.
    private static int[] assignment(double[][] importances) {
        int columns = importances[0].length;
        int rows = Math.min(importances.length, columns);
        SimpleWeightedGraph<Integer, DefaultWeightedEdge> graph =
                new SimpleWeightedGraph<>(DefaultWeightedEdge.class);
        Set<Integer> left = new LinkedHashSet<>();
        Set<Integer> right = new LinkedHashSet<>();
        for (int i = 0; i < columns; i++) {
            left.add(i);
            right.add(columns + i);
            graph.addVertex(i);
            graph.addVertex(columns + i);
        }
        // A perfect matching needs as many rows as columns: the missing ones cost nothing.
        for (int row = 0; row < columns; row++) {
            for (int c = 0; c < columns; c++) {
                DefaultWeightedEdge edge = graph.addEdge(row, columns + c);
                graph.setEdgeWeight(edge, row < rows ? -importances[row][c] : 0);
            }
        }
        int[] columnOf = new int[rows];
        new KuhnMunkresMinimalWeightBipartitePerfectMatching<>(graph, left, right)
                .getMatching()
                .forEach(edge -> {
                    int row = graph.getEdgeSource(edge);
                    if (row < rows) {
                        columnOf[row] = graph.getEdgeTarget(edge) - columns;
                    }
                });
        return columnOf;
    }
}
