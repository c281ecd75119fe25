package cleave.harvest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/// Sums over two rows of four tokens, the last of the second one padding.
///
/// Site 0 has a merged subcomponent at place 1; pieces 0 and 1 are at its places 0 and 2, piece 2
/// is alone at site 1. Expected values are counted by hand.
class HarvestSumsTest {
    private static final int[][] PIECE_AT = {{0, -1, 1}, {2}};
    private static final int[] TOKENS = {5, 6, 5, 7, 6, 6, 5, 0};
    private static final int[] EXPECTED = {6, 5, 7, 7, 6, 5, 7, 0};
    private static final boolean[] VALID = {true, true, true, true, true, true, true, false};
    private static final float[] SITE_0 = {
        1, 1, 0, // token 5
        0, 1, 0.75f, // 6
        1, 0, 0.25f, // 5
        0, 0, 0, // 7
        0.5f, 0, 1, // 6: not above the threshold
        0, 0, 1, // 6
        0.625f, 0, 0, // 5
        1, 1, 1, // padding
    };
    private static final float[] INNER_0 = {
        2, 9, 0, //
        0, 9, -4, //
        -3, 0, 1, //
        0, 0, 0, //
        1, 0, 2, //
        0, 0, 8, //
        1, 0, 0, //
        99, 99, 99,
    };
    private static final float[] SITE_1 = {0, 1, 0, 0, 0, 1, 0, 1};
    private static final float[] INNER_1 = {1, 1, 1, 1, 1, 1, 1, 1};

    private static HarvestSums empty() {
        return new HarvestSums(PIECE_AT, 3, 8, 0.5, 4);
    }

    private static HarvestSums sums() {
        HarvestSums sums = empty();
        sums.add(slice());
        return sums;
    }

    private static SliceNumbers slice() {
        return new SliceNumbers(
                10,
                2,
                4,
                TOKENS,
                VALID,
                EXPECTED,
                new float[][] {SITE_0, SITE_1},
                new float[][] {INNER_0, INNER_1});
    }

    @Test
    void positionsAreCountedWherePiecesAreActive() {
        HarvestSums sums = sums();
        assertThat(sums.rows()).isEqualTo(2);
        assertThat(sums.positions()).isEqualTo(7);
        assertThat(List.of(sums.active(0), sums.active(1), sums.active(2)))
                .containsExactly(3L, 3L, 2L);
        assertThat(List.of(sums.on(0), sums.on(1), sums.on(2))).containsExactly(4L, 4L, 2L);
        assertThat(List.of(sums.activeRows(0), sums.activeRows(1), sums.activeRows(2)))
                .containsExactly(2L, 2L, 2L);
        assertThat(sums.meanImportance(0)).isCloseTo((1 + 1 + 0.5 + 0.625) / 7, within(1e-9));
        assertThat(sums.meanImportance(1)).isCloseTo((0.75 + 0.25 + 1 + 1) / 7, within(1e-9));
    }

    @Test
    void tokensAreCountedWithTheirOccurrences() {
        List<HarvestSums.TokenCount> in = sums().tokens(true).get(1);
        assertThat(in).containsExactly(new HarvestSums.TokenCount(6, new Association(3, 3, 3, 7)));
        List<HarvestSums.TokenCount> out = sums().tokens(false).get(0);
        assertThat(out)
                .containsExactly(
                        new HarvestSums.TokenCount(6, new Association(1, 3, 2, 7)),
                        new HarvestSums.TokenCount(7, new Association(2, 3, 3, 7)));
    }

    @Test
    void partnersAreActiveAtTheSamePositions() {
        assertThat(sums().partners(1, 2)).isEqualTo(new Association(2, 3, 2, 7));
        assertThat(sums().partners(0, 2)).isEqualTo(new Association(0, 3, 2, 7));
    }

    @Test
    void quantilesAreThoseWhereAPieceIsOn() {
        assertThat(sums().importances(2)).isEqualTo(new Quantiles(1, 1, 1, 1, 1));
        Quantiles inner = Objects.requireNonNull(sums().inners(1)); // -4, 1, 2, 8
        assertThat(inner.q05()).isCloseTo(-4, within(0.3));
        assertThat(inner.q50()).isCloseTo(1, within(0.1));
        assertThat(inner.q95()).isCloseTo(8, within(0.6));
    }

    @Test
    void theStrongestPlaceOfEachRowIsKeptWithWhatLiesAround() {
        List<Example> strongest = sums().strongest(0);
        assertThat(strongest).hasSize(2);
        Example first = strongest.getFirst();
        // Importance 1 twice in the first row; the larger inner activation is that of position 2.
        assertThat(first.row()).isEqualTo(10);
        assertThat(first.position()).isEqualTo(2);
        assertThat(first.inner()).isEqualTo(-3);
        assertThat(first.tokens()).containsExactly(5, 6, 5, 7);
        assertThat(first.importances()).containsExactly(1, 0, 1, 0);
        assertThat(first.inners()).containsExactly(2, 0, -3, 0);
        assertThat(strongest.getLast().tokens()).containsExactly(6, 6, 5);
        assertThat(sums().ordinary(0).stream().map(Example::row))
                .containsExactlyInAnyOrder(10L, 11L);
    }

    @Test
    void columnsMakeTheSameSumsAgain() {
        HarvestSums again = empty();
        again.add(sums().columns());
        assertThat(again.columns().whole())
                .usingRecursiveComparison()
                .isEqualTo(sums().columns().whole());
        assertThat(again.columns().real())
                .usingRecursiveComparison()
                .isEqualTo(sums().columns().real());
        again.add(slice());
        assertThat(again.positions()).isEqualTo(14);
        assertThat(again.strongest(0)).hasSize(2); // the same texts
    }
}
