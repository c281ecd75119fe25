package cleave.harvest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.tensor.Draws;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/// Eight things over 48 positions. Expected groups and lengths were computed from the definition of
/// the description's length by a NumPy program that forms every merged state anew.
class ClusteringTest {
    private static final Offset<Double> EXACT = within(1e-9);
    private static final int POSITIONS = 48;
    private static final long[][] ON = {
        {0x8669b1406a28L},
        {0x8669b1426a20L},
        {0x8720040c60a0L},
        {0x8620040c60a0L},
        {0x68171330350L},
        {0x80404210010L},
        {0x60070100000L},
        {0x87a1753f63f0L},
    };

    private static Draws.Key key(long seed) {
        return Draws.key(seed, Draws.Purpose.EVALUATION);
    }

    private static Clustering best(double alpha) {
        return Clustering.of(ON, POSITIONS, alpha, Double.POSITIVE_INFINITY, key(0));
    }

    /// `sum s (log2 k + alpha r)` of a state.
    private static double bits(double alpha, int... groupOf) {
        int k = Arrays.stream(groupOf).max().orElseThrow() + 1;
        double bits = 0;
        for (int group = 0; group < k; group++) {
            long either = 0;
            int members = 0;
            for (int i = 0; i < groupOf.length; i++) {
                either |= groupOf[i] == group ? ON[i][0] : 0;
                members += groupOf[i] == group ? 1 : 0;
            }
            double share = Long.bitCount(either) / (double) POSITIONS;
            bits += share * (Math.log(k) / Math.log(2) + alpha * members);
        }
        return bits;
    }

    @Test
    void theBestPairIsMergedUntilTheDescriptionIsShortest() {
        Clustering found = best(1);
        assertThat(found.apart()).isCloseTo(9.416666666666666, EXACT);
        assertThat(found.bits()).isCloseTo(5.270833333333334, EXACT);
        assertThat(found.groupOf()).containsExactly(0, 0, 1, 1, 1, 1, 1, 1);
        assertThat(found.kept()).isEqualTo(6);
        assertThat(found.merges()).hasSize(7);
    }

    @Test
    void whereMembersCostLittleAllAreOneGroup() {
        Clustering found = best(0.25);
        assertThat(found.apart()).isCloseTo(7.651041666666666, EXACT);
        assertThat(found.bits()).isCloseTo(1.4166666666666667, EXACT);
        assertThat(found.groups()).isOne();
    }

    @Test
    void changesAddUpToWhatTheStateCosts() {
        for (int seed = 0; seed < 20; seed++) {
            Clustering found = Clustering.of(ON, POSITIONS, 1, 0.2, key(seed));
            double changes =
                    found.merges().subList(0, found.kept()).stream()
                            .mapToDouble(Clustering.Merge::change)
                            .sum();
            assertThat(found.apart() + changes).isCloseTo(found.bits(), EXACT);
            assertThat(found.bits())
                    .isCloseTo(bits(1, found.groupOf()), EXACT)
                    .isGreaterThanOrEqualTo(5.25 - 1e-9); // the least of all 4,140 partitions
        }
    }

    /// The first merge's rank among the 28 pairs, over many draws: `exp(-decay J)` by their sum.
    @Test
    void ranksAreDrawnWithOddsThatFallByAFactor() {
        double[] changes = new double[28];
        int at = 0;
        for (int i = 1; i < ON.length; i++) {
            for (int j = 0; j < i; j++) {
                int[] groupOf = new int[ON.length];
                int next = 0;
                for (int thing = 0; thing < ON.length; thing++) {
                    groupOf[thing] = thing == i ? groupOf[j] : next++;
                }
                changes[at++] = bits(1, groupOf) - 9.416666666666666;
            }
        }
        double[] sorted = changes.clone();
        Arrays.sort(sorted);
        int draws = 4000;
        double[] seen = new double[28];
        for (int seed = 0; seed < draws; seed++) {
            double change =
                    Clustering.of(ON, POSITIONS, 1, 0.2, key(seed)).merges().getFirst().change();
            long rank = Arrays.stream(sorted).filter(each -> each < change - 1e-9).count();
            seen[(int) rank]++;
        }
        double all = IntStream.range(0, 28).mapToDouble(rank -> Math.exp(-0.2 * rank)).sum();
        double below = 0;
        double expected = 0;
        for (int rank = 0; rank < 28; rank++) {
            below += seen[rank] / draws;
            expected += Math.exp(-0.2 * rank) / all;
            boolean tied =
                    rank + 1 < 28 && sorted[rank + 1] - sorted[rank] < 1e-9; // cannot be told apart
            if (!tied) {
                assertThat(below).as("up to rank %d", rank).isCloseTo(expected, within(0.03));
            }
        }
    }

    @Test
    void nothingAndOneThingAreNoPairs() {
        assertThat(Clustering.of(new long[0][], 5, 1, 0.2, key(0)).groups()).isZero();
        Clustering one = Clustering.of(new long[][] {{1}}, 4, 1, 0.2, key(0));
        assertThat(one.groups()).isOne();
        assertThat(one.bits()).isEqualTo(0.25);
    }

    /// By hand: 5 and 6 pairs in one group, 2 in common, of 28.
    @Test
    void howAlikeTwoWaysAreIsTheAdjustedRandIndex() {
        int[] first = {0, 0, 1, 1, 2, 2, 2, 3};
        int[] second = {0, 0, 0, 1, 1, 1, 2, 3};
        double expected = (2 - 30.0 / 28) / (5.5 - 30.0 / 28);
        assertThat(Alike.rand(first, second)).isCloseTo(expected, EXACT);
        assertThat(Alike.rand(first, first)).isEqualTo(1);
        assertThat(Alike.rand(new int[] {0, 1, 2}, new int[] {2, 0, 1})).isEqualTo(1);
        assertThat(Alike.found(first, second))
                .containsExactly(new double[] {2.0 / 3, 0.25, 0.5, 1}, EXACT);
    }
}
