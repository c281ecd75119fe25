package cleave.study.toys;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/// The reference values of the SPD code's own tests.
class ImportanceErrorTest {
    private static final double TOLERANCE = 0.1;

    @Test
    void aPerfectIdentityHasNoErrorInWhateverOrderItsColumnsStand() {
        double[][] perfect = {{0, 0, 1, 0, 0}, {1, 0, 0, 0, 0}, {0, 0, 0, 0, 1}};

        assertThat(ImportanceError.identity(perfect, TOLERANCE)).isZero();
    }

    @Test
    void anEntryOffTheDiagonalCounts() {
        double[][] one = {{1, 0.2, 0, 0, 0}, {0, 1, 0, 0, 0}, {0, 0, 1, 0, 0}};

        assertThat(ImportanceError.identity(one, TOLERANCE)).isEqualTo(1);
    }

    @Test
    void aWeakDiagonalAndSurplusColumnsCount() {
        // 0.7 on the diagonal; 0.3, 0.2 and 0.2 off it.
        double[][] four = {{0.7, 0.3, 0, 0.2}, {0.2, 0.95, 0, 0}, {0, 0, 1, 0}};

        assertThat(ImportanceError.identity(four, TOLERANCE)).isEqualTo(4);
    }

    @Test
    void aDenseColumnNeedsAnEntryNearOne() {
        double[][] weak = {{0.5, 0.5, 0}, {0.7, 0.8, 0}};

        assertThat(ImportanceError.dense(weak, 2, 1, TOLERANCE)).isEqualTo(2);
    }

    @Test
    void entriesInColumnsBeyondTheDenseOnesCount() {
        double[][] beyond = {{0.9, 0.2, 0, 0}, {0.6, 0.95, 0, 0}};
        double[][] full = {
            {0.5, 0.4, 1, 0.2, 0.1}, {0.6, 0.9, 0.4, 0.3, 0.2}, {0.9, 0.6, 0.5, 0.4, 0.3}
        };

        assertThat(ImportanceError.dense(beyond, 1, 1, TOLERANCE)).isEqualTo(2);
        assertThat(ImportanceError.dense(full, 2, 1, TOLERANCE)).isEqualTo(8);
    }
}
