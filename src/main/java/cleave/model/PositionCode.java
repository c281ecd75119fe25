package cleave.model;

import cleave.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/// How an attention layer tells queries and keys where they lie.
interface PositionCode {
    /// It does not: positions are in the residual stream already.
    PositionCode NONE = new PositionCode() {};

    /// The stream `[B, T, d]` as the maps to queries and keys read it.
    default Tensor before(Tensor residual) {
        return residual;
    }

    /// Queries or keys `[B, P, d]` with their positions.
    ///
    /// @param positions `[B, P]` the positions of the rows; null when they are all
    default Tensor after(Tensor mapped, @Nullable Tensor positions) {
        return mapped;
    }

    /// Adds rows of a table `[length, d]` to what the maps read.
    static PositionCode addedBefore(Tensor table) {
        return new PositionCode() {
            @Override
            public Tensor before(Tensor residual) {
                return residual.add(table.narrow(0, 0, residual.size(1)));
            }
        };
    }

    /// Adds rows of a table `[length, d]` to queries and keys.
    static PositionCode addedAfter(Tensor table) {
        return new PositionCode() {
            @Override
            public Tensor after(Tensor mapped, @Nullable Tensor positions) {
                return mapped.add(
                        positions == null
                                ? table.narrow(0, 0, mapped.size(1))
                                : Positions.rows(table, positions));
            }
        };
    }
}
