package cleave.harvest;

import java.util.Arrays;

/// How often each of many keys was seen, in a table of their numbers that grows with the distinct
/// ones. Keys are not negative.
final class PairCounts {
    private static final int START = 1 << 10;

    private long[] keys = free(START); // -1 where free
    private long[] counts = new long[START];
    private int used;

    private static long[] free(int size) {
        long[] keys = new long[size];
        Arrays.fill(keys, -1);
        return keys;
    }

    /// Counts a key.
    void add(long key, long times) {
        int at = place(key);
        if (keys[at] < 0) {
            if (3 * (used + 1) > 2 * keys.length) {
                grow();
                at = place(key);
            }
            keys[at] = key;
            used++;
        }
        counts[at] += times;
    }

    /// How often a key was seen.
    long of(long key) {
        int at = place(key);
        return keys[at] < 0 ? 0 : counts[at];
    }

    /// The keys that were seen, ascending.
    long[] keys() {
        return Arrays.stream(keys).filter(key -> key >= 0).sorted().toArray();
    }

    private int place(long key) {
        int mask = keys.length - 1;
        long mixed = key * 0x9E3779B97F4A7C15L;
        int at = (int) (mixed >>> 32) & mask;
        while (keys[at] >= 0 && keys[at] != key) {
            at = (at + 1) & mask;
        }
        return at;
    }

    private void grow() {
        long[] oldKeys = keys;
        long[] oldCounts = counts;
        keys = free(2 * oldKeys.length);
        counts = new long[keys.length];
        for (int i = 0; i < oldKeys.length; i++) {
            if (oldKeys[i] >= 0) {
                int at = place(oldKeys[i]);
                keys[at] = oldKeys[i];
                counts[at] = oldCounts[i];
            }
        }
    }
}
