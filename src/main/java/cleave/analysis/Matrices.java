package cleave.analysis;

import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Arrays;

/// Tensors of two axes as arrays.
public final class Matrices {
    private Matrices() {}

    /// The rows of a tensor `[rows, columns]`.
    public static double[][] of(Tensor tensor) {
        int columns = Math.toIntExact(tensor.size(1));
        double[] all = Tensors.toDoubles(tensor);
        double[][] rows = new double[Math.toIntExact(tensor.size(0))][];
        for (int row = 0; row < rows.length; row++) {
            rows[row] = Arrays.copyOfRange(all, row * columns, (row + 1) * columns);
        }
        return rows;
    }
}
