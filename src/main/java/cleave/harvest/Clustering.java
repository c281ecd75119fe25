package cleave.harvest;

import cleave.tensor.Draws;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;

/// Groups of things that are on together, by description length.
///
/// A group is on at a position where one of its members is. Saying which of `k` groups are on costs
/// `log2 k` bits for each, and `alpha` for each of its members, on or not: with s the share of
/// positions at which a group is on and r its members, all groups cost
///
///     sum s (log2 k + alpha r)
///
/// bits a position. Groups begin with one member each. Of all pairs, by how much merging one would
/// shorten the description, the one of rank J is merged, J drawn with odds `exp(-decay J)`, until
/// one group is left; what is kept is the state of the shortest description on the way.
///
/// @param groupOf of each thing, groups counted from 0 in the order of their first members
/// @param bits a position of what is kept
/// @param apart bits a position with every thing alone
/// @param merges all of them in their order, down to one group
/// @param kept how many of the merges led to what is kept
record Clustering(int[] groupOf, double bits, double apart, List<Merge> merges, int kept) {

    /// A merge of the groups that two things are in, the first members of them.
    ///
    /// @param change of the bits a position
    record Merge(int first, int second, double change) {}

    /// Clusters things.
    ///
    /// @param on of each thing, a bit for each position, positions from the lowest bit of the first
    ///   word on
    /// @param positions how many there are
    /// @param alpha what a member costs, bits
    /// @param decay of the odds; infinite to merge the best pair always
    /// @param key of the draws
    static Clustering of(long[][] on, long positions, double alpha, double decay, Draws.Key key) {
        return new Course(on, positions, alpha).run(decay, key);
    }

    /// How many groups there are.
    int groups() {
        return Arrays.stream(groupOf).max().orElse(-1) + 1;
    }

    private static final class Course {
        private final long[][] on; // of each group
        private final double scale; // from counts to shares
        private final double alpha;
        private final int[] firsts; // the first member of each group
        private final int[] ranks;
        private final double[] counts;
        private final int[][] either; // [i][j < i] positions of one or the other
        private int groups;

        Course(long[][] on, long positions, double alpha) {
            this.on = Arrays.stream(on).map(long[]::clone).toArray(long[][]::new);
            this.scale = 1.0 / Math.max(1, positions);
            this.alpha = alpha;
            groups = on.length;
            firsts = new int[groups];
            ranks = new int[groups];
            counts = new double[groups];
            either = new int[groups][];
            for (int i = 0; i < groups; i++) {
                firsts[i] = i;
                ranks[i] = 1;
                counts[i] = count(on[i], on[i]);
                either[i] = new int[i];
                for (int j = 0; j < i; j++) {
                    either[i][j] = count(on[i], on[j]);
                }
            }
        }

        private static int count(long[] one, long[] other) {
            int count = 0;
            for (int i = 0; i < one.length; i++) {
                count += Long.bitCount(one[i] | other[i]);
            }
            return count;
        }

        Clustering run(double decay, Draws.Key key) {
            int[] owner = new int[groups];
            Arrays.setAll(owner, i -> i);
            double apart = 0;
            for (int i = 0; i < groups; i++) {
                apart += counts[i] * scale * (log2(groups) + alpha);
            }
            double bits = apart;
            double best = apart;
            int kept = 0;
            int[] keptOwner = owner.clone();
            List<Merge> merges = new ArrayList<>();
            while (groups > 1) {
                Pair pair = drawn(decay, key.uniform(merges.size()));
                int from = firsts[pair.second];
                int to = firsts[pair.first];
                for (int i = 0; i < owner.length; i++) {
                    owner[i] = owner[i] == from ? to : owner[i];
                }
                merge(pair.first, pair.second);
                bits += pair.change;
                merges.add(new Merge(to, from, pair.change));
                if (bits < best) {
                    best = bits;
                    kept = merges.size();
                    keptOwner = owner.clone();
                }
            }
            return new Clustering(numbered(keptOwner), best, apart, List.copyOf(merges), kept);
        }

        private static int[] numbered(int... owner) {
            Map<Integer, Integer> numbers = new LinkedHashMap<>();
            return Arrays.stream(owner)
                    .map(each -> numbers.computeIfAbsent(each, _ -> numbers.size()))
                    .toArray();
        }

        /// @param first place of the group with the lesser first member
        private record Pair(int first, int second, double change) {
            static final Comparator<Pair> ORDER =
                    Comparator.comparingDouble(Pair::change)
                            .thenComparingInt(Pair::first)
                            .thenComparingInt(Pair::second);
        }

        /// The pair of a drawn rank.
        ///
        /// @param uniform in 0..1, without 1
        private Pair drawn(double decay, double uniform) {
            long pairs = (long) groups * (groups - 1) / 2;
            long rank = 0;
            if (!Double.isInfinite(decay)) {
                double within = uniform * -Math.expm1(-decay * pairs);
                rank = Math.min(pairs - 1, (long) (-Math.log1p(-within) / decay));
            }
            PriorityQueue<Pair> least = new PriorityQueue<>(Pair.ORDER.reversed());
            double all = 0;
            for (int i = 0; i < groups; i++) {
                all += counts[i];
            }
            double others = log2(groups - 1.0) - log2(groups);
            double after = log2(groups - 1.0);
            double before = log2(groups);
            for (int i = 1; i < groups; i++) {
                for (int j = 0; j < i; j++) {
                    double both = counts[i] + counts[j];
                    double union = either[i][j];
                    double change =
                            scale
                                    * ((all - both) * others
                                            + union * after
                                            - both * before
                                            + alpha
                                                    * (union * (ranks[i] + ranks[j])
                                                            - counts[i] * ranks[i]
                                                            - counts[j] * ranks[j]));
                    if (least.size() <= rank || change < least.element().change()) {
                        least.add(new Pair(j, i, change));
                        if (least.size() > rank + 1) {
                            least.remove();
                        }
                    }
                }
            }
            return least.remove();
        }

        /// Makes one of two groups, at the place of the first; the last takes the other's place.
        private void merge(int i, int j) {
            for (int word = 0; word < on[i].length; word++) {
                on[i][word] |= on[j][word];
            }
            ranks[i] += ranks[j];
            counts[i] = count(on[i], on[i]);
            // Groups stay in the order of their first members, so that ties do not depend on
            // places.
            groups--;
            for (int at = j; at < groups; at++) {
                on[at] = on[at + 1];
                ranks[at] = ranks[at + 1];
                counts[at] = counts[at + 1];
                firsts[at] = firsts[at + 1];
                int[] row = either[at + 1];
                System.arraycopy(row, j + 1, row, j, at - j);
                either[at] = row;
            }
            for (int other = 0; other < groups; other++) {
                if (other != i) {
                    int union = count(on[i], on[other]);
                    either[Math.max(i, other)][Math.min(i, other)] = union;
                }
            }
        }

        private static double log2(double x) {
            return Math.log(x) / Math.log(2);
        }
    }
}
