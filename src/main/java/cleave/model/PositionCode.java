package cleave.model;

import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import org.jspecify.annotations.Nullable;

/// How an attention layer tells queries and keys where they lie.
public interface PositionCode {
    /// It does not: positions are in the residual stream already, or nowhere.
    PositionCode NONE = new PositionCode() {};

    /// The stream `[B, T, d]` as the maps to queries and keys read it.
    default Tensor before(Tensor residual) {
        return residual;
    }

    /// Queries or keys `[B, P, d]` with their positions.
    ///
    /// @param positions `[B, P]` the positions of the rows; null when they are all
    default Tensor after(Pass pass, Tensor mapped, @Nullable Tensor positions) {
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
            public Tensor after(Pass pass, Tensor mapped, @Nullable Tensor positions) {
                return mapped.add(
                        positions == null
                                ? table.narrow(0, 0, mapped.size(1))
                                : Positions.rows(table, positions));
            }
        };
    }

    /// Turns each head of queries and keys by an angle that grows with the position. The pair `i`
    /// that is turned together is the number `i` of a head and the number `i + turned / 2`.
    ///
    /// @param rotary the frequencies of the pairs
    /// @param headWidth numbers of a head
    /// @param turned how many of them are turned, from the first on; an even number
    static PositionCode rotary(Rotary rotary, int headWidth, int turned) {
        return new PositionCode() {
            @Override
            public Tensor after(Pass pass, Tensor mapped, @Nullable Tensor positions) {
                RotaryTable.At at = pass.angles(rotary, turned, mapped.size(1), positions);
                Tensor x =
                        mapped.reshape(
                                mapped.size(0),
                                mapped.size(1),
                                mapped.size(2) / headWidth,
                                headWidth); // [B, P, H, d_head]
                long half = turned / 2;
                Tensor first = x.narrow(3, 0, half);
                Tensor second = x.narrow(3, half, half);
                Tensor a = first.mul(at.cos()).sub(second.mul(at.sin()));
                Tensor b = second.mul(at.cos()).add(first.mul(at.sin()));
                Tensor out =
                        turned == headWidth
                                ? Tensors.concatenate(3, a, b)
                                : Tensors.concatenate(
                                        3, a, b, x.narrow(3, turned, headWidth - turned));
                return out.flatten(2, 3);
            }
        };
    }
}
