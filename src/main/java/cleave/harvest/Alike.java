package cleave.harvest;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/// How alike two ways to put the same things in groups are.
final class Alike {
    private Alike() {}

    /// The adjusted Rand index: of the pairs of things that are in one group, how many both ways
    /// have in common; 1 where they are the same, 0 on average where one is shuffled. 1 too where
    /// neither puts two things together.
    ///
    /// @param first group of each thing
    /// @param second group of each thing
    static double rand(int[] first, int[] second) {
        Map<Integer, Long> rows = new HashMap<>();
        Map<Integer, Long> columns = new HashMap<>();
        Map<Long, Long> cells = new HashMap<>();
        for (int i = 0; i < first.length; i++) {
            rows.merge(first[i], 1L, Long::sum);
            columns.merge(second[i], 1L, Long::sum);
            cells.merge(((long) first[i] << 32) | second[i], 1L, Long::sum);
        }
        double inFirst = pairs(rows.values().stream().mapToLong(Long::longValue).toArray());
        double inSecond = pairs(columns.values().stream().mapToLong(Long::longValue).toArray());
        double inBoth = pairs(cells.values().stream().mapToLong(Long::longValue).toArray());
        double all = pairs(first.length);
        double expected = all == 0 ? 0 : inFirst * inSecond / all;
        double most = (inFirst + inSecond) / 2;
        return most == expected ? 1 : (inBoth - expected) / (most - expected);
    }

    private static double pairs(long... sizes) {
        return Arrays.stream(sizes).mapToDouble(size -> size * (size - 1.0) / 2).sum();
    }

    /// How much of each group of the first way is found as one group of the second: the largest
    /// share that its common members have of the members of either.
    static double[] found(int[] first, int[] second) {
        int groups = Arrays.stream(first).max().orElse(-1) + 1;
        long[] sizes = new long[groups];
        Map<Integer, Long> others = new HashMap<>();
        Map<Long, Long> cells = new HashMap<>();
        for (int i = 0; i < first.length; i++) {
            sizes[first[i]]++;
            others.merge(second[i], 1L, Long::sum);
            cells.merge(((long) first[i] << 32) | second[i], 1L, Long::sum);
        }
        double[] found = new double[groups];
        cells.forEach((cell, both) -> {
            int group = (int) (cell >> 32);
            long other = others.getOrDefault((int) (long) cell, 0L);
            found[group] = Math.max(found[group], (double) both / (sizes[group] + other - both));
        });
        return found;
    }
}
