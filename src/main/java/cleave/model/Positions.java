package cleave.model;

import cleave.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/// Selects some positions of each row.
public final class Positions {
    private Positions() {}

    /// Rows `positions [B, P]` of `x [B, T, d]`: `[B, P, d]`; all of x when positions is null or
    /// there is only one to select from and one to select.
    public static Tensor select(Tensor x, @Nullable Tensor positions) {
        if (positions == null || (x.size(1) == 1 && positions.size(1) == 1)) {
            return x;
        }
        Tensor index =
                positions.unsqueeze(2).expand(positions.size(0), positions.size(1), x.size(2));
        return x.gather(1, index);
    }

    /// Rows `positions [B, P]` of a table `[T, d]` shared by all sequences: `[B, P, d]`.
    public static Tensor rows(Tensor table, Tensor positions) {
        return table.index_select(0, positions.flatten())
                .view(positions.size(0), positions.size(1), table.size(1));
    }
}
