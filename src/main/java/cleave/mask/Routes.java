package cleave.mask;

import cleave.model.Batch;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Where sites are replaced in one pass (spec M3).
///
/// @param sites places of the replaced sites among the decomposed ones
/// @param table `[site][row * T + position]`, where each of the decomposed sites is replaced; null
///   where those of `sites` are replaced everywhere
public record Routes(List<Integer> sites, boolean @Nullable [][] table) {

    /// These sites, at every position.
    public static Routes only(int... sites) {
        return new Routes(Arrays.stream(sites).boxed().toList(), null);
    }

    /// Every site of `count`, at every position.
    public static Routes all(int count) {
        return new Routes(IntStream.range(0, count).boxed().toList(), null);
    }

    /// Where a site of these is replaced, `[B, T]` booleans; null for everywhere.
    public @Nullable Tensor at(int site, Batch batch) {
        return table == null ? null : Tensors.of(table[site], batch.rows(), batch.length());
    }

    /// Every site, each where its row of the table says so.
    public static Routes at(boolean[][] table) {
        return new Routes(IntStream.range(0, table.length).boxed().toList(), table);
    }
}
