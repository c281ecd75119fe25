package cleave.model;

import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import org.jspecify.annotations.Nullable;

/// Cosines and sines of the angles of rotary position embeddings, by position.
///
/// In float32 an angle is the product of the position and a frequency that are both float32, as
/// `transformers` computes it, for at large positions its rounding is part of the model.
final class RotaryTable implements AutoCloseable {
    private final Rotary rotary;
    private final int turned;
    private final Type type;
    private final Growing table; // [length, turned]: cosines, then sines

    /// Numbers that a row of pairs is multiplied by, `[P, 1, pairs]` or `[B, P, 1, pairs]`.
    record At(Tensor cos, Tensor sin) {}

    RotaryTable(Rotary rotary, int turned, int length, Type type) {
        this.rotary = rotary;
        this.turned = turned;
        this.type = type;
        this.table = new Growing(length, this::table);
    }

    private Tensor table(int length) {
        double[] frequencies = rotary.frequencies(turned);
        double[] numbers = new double[length * turned];
        for (int position = 0; position < length; position++) {
            for (int i = 0; i < frequencies.length; i++) {
                double angle =
                        type == Type.FLOAT
                                ? (float) position * (float) frequencies[i]
                                : position * frequencies[i];
                int at = position * turned + i;
                numbers[at] = Math.cos(angle) * rotary.attention();
                numbers[at + frequencies.length] = Math.sin(angle) * rotary.attention();
            }
        }
        return Tensors.of(numbers, type, length, turned);
    }

    /// Those of the first `length` positions, or of given ones.
    ///
    /// @param positions `[B, P]`, each below `context`; null for all
    At at(long context, long length, @Nullable Tensor positions) {
        Tensor all = table.atLeast(Math.max(context, length));
        Tensor rows =
                positions == null
                        ? all.narrow(0, 0, length).unsqueeze(1)
                        : Positions.rows(all, positions).unsqueeze(2);
        long axis = rows.ndimension() - 1;
        long pairs = turned / 2;
        return new At(rows.narrow(axis, 0, pairs), rows.narrow(axis, pairs, pairs));
    }

    @Override
    public void close() {
        table.close();
    }
}
