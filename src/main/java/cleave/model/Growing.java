package cleave.model;

import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/// A table over positions that is made as long as inputs turn out to be: a model may allow 131,072
/// positions where prompts have 20. Several workers may ask at once.
final class Growing implements AutoCloseable {
    private static final int SHORTEST = 64;

    private final int limit;
    private final IntFunction<Tensor> make;
    private final List<Tensor> made = new ArrayList<>();
    private volatile @Nullable Tensor table;
    private volatile int covered;

    /// A table that is not made yet.
    ///
    /// @param limit the most positions that are ever asked for
    /// @param make gives the table of so many positions, in the caller's scope
    Growing(int limit, IntFunction<Tensor> make) {
        this.limit = limit;
        this.make = make;
    }

    /// A table of at least so many positions. It lives until this object is closed.
    Tensor atLeast(long positions) {
        Tensor known = table;
        return known != null && positions <= covered ? known : grown(positions);
    }

    private synchronized Tensor grown(long positions) {
        Tensor known = table;
        if (known != null && positions <= covered) {
            return known;
        }
        int length = SHORTEST;
        while (length < positions) {
            length *= 2;
        }
        length = Math.min(length, limit);
        int size = length;
        Tensor larger = Scopes.own(Scopes.keep(() -> make.apply(size)));
        made.add(larger);
        table = larger; // before the length, which says what it covers
        covered = size;
        return larger;
    }

    @Override
    public synchronized void close() {
        made.forEach(Scopes::release);
        made.clear();
        table = null;
        covered = 0;
    }
}
