package cleave.harvest;

import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/// Named columns of numbers, whole ones and others.
final class Columns {
    private final SortedMap<String, long[]> whole = new TreeMap<>();
    private final SortedMap<String, float[]> real = new TreeMap<>();

    void put(String name, long... numbers) {
        whole.put(name, numbers.clone());
    }

    void put(String name, float... numbers) {
        real.put(name, numbers.clone());
    }

    /// The whole numbers of this name.
    long[] whole(String name) {
        long[] found = whole.get(name);
        if (found == null) {
            throw new IllegalArgumentException("column must be one of the sums', got " + name);
        }
        return found;
    }

    /// The other numbers of this name.
    float[] real(String name) {
        float[] found = real.get(name);
        if (found == null) {
            throw new IllegalArgumentException("column must be one of the sums', got " + name);
        }
        return found;
    }

    SortedMap<String, long[]> whole() {
        return Collections.unmodifiableSortedMap(whole);
    }

    SortedMap<String, float[]> real() {
        return Collections.unmodifiableSortedMap(real);
    }
}
