package cleave.harvest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/// The counting of a harvest, held to values by hand.
class HarvestCountsTest {

    @Test
    void anImportanceLiesInTheBinThatEndsAtOrAboveIt() {
        assertThat(ImportanceBins.of(0)).isZero();
        assertThat(ImportanceBins.of(0.005f)).isEqualTo(1);
        assertThat(ImportanceBins.of(0.01f)).isEqualTo(1);
        assertThat(ImportanceBins.of(0.011f)).isEqualTo(2);
        assertThat(ImportanceBins.of(0.5f)).isEqualTo(50);
        assertThat(ImportanceBins.of(1)).isEqualTo(100);
        assertThat(ImportanceBins.of(1.5f)).isEqualTo(100);
        assertThat(ImportanceBins.value(1)).isEqualTo(0.005);
        assertThat(ImportanceBins.value(100)).isEqualTo(1);
    }

    @Test
    void whatStandsForANumberIsWithinASixteenthOfIt() {
        Random random = new Random(1);
        for (int i = 0; i < 10_000; i++) {
            float number = (float) (random.nextGaussian() * Math.pow(2, random.nextInt(20) - 12));
            if (Math.abs(number) > 1e-6) {
                assertThat(SignedBins.value(SignedBins.of(number)))
                        .isCloseTo(number, within(Math.abs(number) / 15.9));
            }
        }
        assertThat(SignedBins.value(SignedBins.of(0))).isZero();
        assertThat(SignedBins.value(SignedBins.of(1e-9f))).isZero();
        assertThat(SignedBins.of(1e9f)).isEqualTo(SignedBins.COUNT - 1);
        assertThat(SignedBins.of(-1e9f)).isZero();
    }

    @Test
    void binsOfSignedNumbersAscend() {
        for (int bin = 1; bin < SignedBins.COUNT; bin++) {
            assertThat(SignedBins.value(bin)).isGreaterThan(SignedBins.value(bin - 1));
            assertThat(SignedBins.of((float) SignedBins.value(bin))).isEqualTo(bin);
        }
    }

    @Test
    void aQuantileIsTheFirstValueThatEnoughAreAtMost() {
        // 20 numbers: ten of 1, five of 2, four of 3, one of 9.
        long[] counts = {0, 10, 5, 4, 0, 0, 0, 0, 0, 1};
        assertThat(Quantiles.of(counts, 0, 10, bin -> bin)).isEqualTo(new Quantiles(1, 1, 1, 2, 3));
        assertThat(Quantiles.of(counts, 2, 10, bin -> bin + 2))
                .isEqualTo(new Quantiles(2, 2, 2, 3, 9));
        assertThat(Quantiles.of(counts, 4, 6, bin -> bin)).isNull();
    }

    /// numpy: `np.log(6*100/(8*12))`, 6/12, 6/8, 6/14.
    @Test
    void associationIsThatOfATwoByTwoTable() {
        Association table = new Association(6, 8, 12, 100);
        assertThat(table.pmi()).isCloseTo(1.8325814637483102, within(1e-15));
        assertThat(table.precision()).isEqualTo(0.5);
        assertThat(table.recall()).isEqualTo(0.75);
        assertThat(table.jaccard()).isCloseTo(0.42857142857142855, within(1e-15));
        assertThat(new Association(0, 0, 0, 10).jaccard()).isZero();
        assertThat(new Association(25, 50, 50, 100).pmi()).isZero();
    }

    @Test
    void pairsAreCountedAsInAMap() {
        PairCounts counts = new PairCounts();
        Map<Long, Long> expected = new HashMap<>();
        Random random = new Random(2);
        for (int i = 0; i < 50_000; i++) {
            long key = (long) (Math.pow(random.nextDouble(), 3) * 9_000) << random.nextInt(20);
            counts.add(key, 1 + i % 3);
            expected.merge(key, 1L + i % 3, Long::sum);
        }
        assertThat(counts.keys()).hasSize(expected.size()).isSorted();
        expected.forEach((key, times) -> assertThat(counts.of(key)).isEqualTo(times));
        assertThat(counts.of(8_999_999_999L)).isZero();
    }

    @Test
    void everyTwoThingsThatOccurTogetherAreCounted() {
        Togetherness together = new Togetherness(5);
        together.add(new int[] {0, 2, 4, 1}, 3);
        together.add(new int[] {2, 4}, 2);
        assertThat(together.of(0, 2)).isEqualTo(1);
        assertThat(together.of(4, 2)).isEqualTo(2);
        assertThat(together.of(1, 0)).isZero();
        Togetherness again = new Togetherness(5);
        again.add(together.numbers());
        again.add(together.numbers());
        assertThat(again.of(2, 4)).isEqualTo(4);
    }

    @Test
    void theSelectionDoesNotDependOnTheOrderOfOffers() {
        List<Example> all = new ArrayList<>();
        Random random = new Random(3);
        for (int i = 0; i < 400; i++) {
            float importance = random.nextInt(4) / 4f;
            all.add(example(i, random.nextInt(60), importance, random.nextInt(9) - 4));
        }
        List<Example> first = selected(all);
        for (int i = 0; i < 20; i++) {
            Collections.shuffle(all, random);
            assertThat(selected(all)).isEqualTo(first);
        }
        assertThat(first).hasSize(8).isSortedAccordingTo(Selection.STRONGEST);
        assertThat(first.stream().map(Example::text).distinct()).hasSize(8);
        assertThat(first.getFirst().importance()).isEqualTo(0.75f);
        assertThat(Math.abs(first.getFirst().inner())).isEqualTo(4);
    }

    private static List<Example> selected(List<Example> all) {
        Selection selection = new Selection(8, Selection.STRONGEST);
        all.forEach(selection::offer);
        return selection.kept();
    }

    private static Example example(long row, long text, float importance, float inner) {
        return new Example(
                row, 0, text, 0, importance, inner, 0, new int[1], new float[1], new float[1]);
    }

    @Test
    void theLargestNumbersAreFound() {
        float[] row = new float[100];
        for (int i = 0; i < row.length; i++) {
            row[i] = (i * 37) % 100; // each of 0 to 99 once
        }
        List<Vectors.Cosine> along = Vectors.first(row, 1);
        List<Vectors.Cosine> against = Vectors.first(row, -1);
        for (int i = 0; i < 10; i++) {
            assertThat(along.get(i).cosine()).isEqualTo(99 - i);
            assertThat(against.get(i).cosine()).isEqualTo(i);
            assertThat(row[along.get(i).token()]).isEqualTo(99 - i);
        }
    }
}
