package cleave.model;

import cleave.tensor.Type;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/// The tables of rotary position embeddings of one target, each made when it is first asked for.
final class RotaryTables implements AutoCloseable {
    private record Key(Rotary rotary, int turned) {}

    private final int length;
    private final Type type;
    private final Map<Key, RotaryTable> tables = new ConcurrentHashMap<>();

    /// Tables of up to `length` positions.
    RotaryTables(int length, Type type) {
        this.length = length;
        this.type = type;
    }

    /// The table of these frequencies.
    ///
    /// @param turned how many numbers of a head are turned
    RotaryTable of(Rotary rotary, int turned) {
        return tables.computeIfAbsent(
                new Key(rotary, turned), _ -> new RotaryTable(rotary, turned, length, type));
    }

    @Override
    public void close() {
        tables.values().forEach(RotaryTable::close);
    }
}
