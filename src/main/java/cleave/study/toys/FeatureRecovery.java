package cleave.study.toys;

import java.util.function.IntPredicate;

/// How well subcomponents stand for the columns of a weight, one column per input feature (SPD
/// Table 1; spec A7).
///
/// For each feature j the subcomponent c whose part of the column, `U_c V_jc`, points most nearly
/// where the target's column `W_j` points is compared with it.
///
/// @param mmcs mean over features of the largest cosine; 1 where every direction is there
/// @param ml2r mean over features of `|U_c V_jc| / |W_j|`; 1 where nothing is missing in size
public record FeatureRecovery(double mmcs, double ml2r) {
    private static final double EPSILON = 1e-12;

    /// Compares all subcomponents that are kept; NaN when none is.
    ///
    /// @param V `[d_in][C]`
    /// @param U `[C][d_out]`
    /// @param W `[d_out][d_in]`
    /// @param kept which subcomponents take part
    public static FeatureRecovery of(double[][] V, double[][] U, double[][] W, IntPredicate kept) {
        double cosines = 0;
        double ratios = 0;
        for (int j = 0; j < V.length; j++) {
            double best = Double.NaN;
            double ratio = Double.NaN;
            double size = length(column(W, j));
            for (int c = 0; c < U.length; c++) {
                double part = length(U[c]) * Math.abs(V[j][c]);
                double dot = 0;
                for (int o = 0; o < W.length; o++) {
                    dot += U[c][o] * V[j][c] * W[o][j];
                }
                double cosine = dot / (Math.max(part, EPSILON) * Math.max(size, EPSILON));
                if (kept.test(c) && !(cosine <= best)) {
                    best = cosine;
                    ratio = part / Math.max(size, EPSILON);
                }
            }
            cosines += best;
            ratios += ratio;
        }
        return new FeatureRecovery(cosines / V.length, ratios / V.length);
    }

    /// The size of each subcomponent as the paper's figures measure it: the sum over inputs of
    /// `|U_c V_jc|`, `[C]`.
    public static double[] sizes(double[][] V, double[][] U) {
        double[] sizes = new double[U.length];
        for (int c = 0; c < sizes.length; c++) {
            for (double[] row : V) {
                sizes[c] += Math.abs(row[c]);
            }
            sizes[c] *= length(U[c]);
        }
        return sizes;
    }

    private static double[] column(double[][] matrix, int j) {
        double[] column = new double[matrix.length];
        for (int i = 0; i < column.length; i++) {
            column[i] = matrix[i][j];
        }
        return column;
    }

    private static double length(double... vector) {
        double squares = 0;
        for (double value : vector) {
            squares += value * value;
        }
        return Math.sqrt(squares);
    }
}
