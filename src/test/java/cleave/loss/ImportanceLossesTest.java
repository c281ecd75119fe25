package cleave.loss;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.engine.Engines;
import cleave.loss.ImportanceMinimality.PositionReduction;
import cleave.schedule.Schedule;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Arrays;
import java.util.Optional;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class ImportanceLossesTest {
    private static final Offset<Double> ROUNDING = Offset.offset(1e-14);
    private static final Schedule ONE = Schedule.constant(1);

    @Test
    void minimalityAddsUpOverSubcomponentsAndSites() {
        Scopes.run(() ->
                // (1 + 2 + 3) + (0.5 + 1.5)
                assertThat(minimality(1, 0, row(1, 2, 3)) + minimality(1, 0, row(0.5, 1.5)))
                        .isCloseTo(8, ROUNDING));
    }

    @Test
    void minimalityTakesThePower() {
        // 2^2 + 3^2
        Scopes.run(() -> assertThat(minimality(2, 0, row(2, 3))).isCloseTo(13, ROUNDING));
    }

    @Test
    void thePowerFollowsItsSchedule() {
        Schedule p = new Schedule.Linear(2, 1, Optional.of(0.0), Optional.of(0.5));
        // A quarter into the run the power is 1.5.
        Scopes.run(() ->
                assertThat(minimality(p.at(25, 101), 0, row(2)))
                        .isCloseTo(Math.pow(2, 1.5), ROUNDING));
    }

    @Test
    void frequencyMakesOftenUsedSubcomponentsDearer() {
        Scopes.run(() -> {
            Tensor g = Tensors.of(new double[] {1, 2, 3, 4}, Type.DOUBLE, 2, 1, 2);
            // (1 + 3) / 2 + (2 + 4) / 2
            assertThat(minimality(1, 0, g)).isCloseTo(5, ROUNDING);
            // 2 (1 + log2(1 + 4)) + 3 (1 + log2(1 + 6))
            assertThat(minimality(1, 1, g))
                    .isCloseTo(2 * (1 + log2(5)) + 3 * (1 + log2(7)), ROUNDING);
        });
    }

    private static double log2(double x) {
        return Math.log(x) / Math.log(2);
    }

    private static double minimality(double p, double frequency, Tensor upper) {
        ImportanceMinimality term =
                new ImportanceMinimality(
                        ONE, Schedule.constant(p), 0, false, PositionReduction.MEAN, frequency);
        double[] totals =
                Tensors.toDoubles(ImportanceLosses.powers(Engines.LIBTORCH, term, p, upper, null));
        return term.value(totals, (double) upper.size(0) * upper.size(1));
    }

    @Test
    void aDeadSubcomponentIsFreeWhereTheTermSaysSo() {
        for (Type type : new Type[] {Type.FLOAT, Type.DOUBLE}) {
            Scopes.run(() -> {
                Tensor dead = Tensors.zeros(type, 3, 4, 2);
                assertThat(
                                Tensors.toDoubles(
                                        ImportanceLosses.powers(
                                                Engines.LIBTORCH, term(true), 0.3, dead, null)))
                        .containsOnly(0);
                double[] dear =
                        Tensors.toDoubles(
                                ImportanceLosses.powers(
                                        Engines.LIBTORCH, term(false), 0.3, dead, null));
                assertThat(Arrays.stream(dear))
                        .allMatch(value -> Math.abs(value - 12 * Math.pow(1e-6, 0.3)) < 1e-6);
            });
        }
    }

    private static ImportanceMinimality term(boolean zeroIsFree) {
        return new ImportanceMinimality(ONE, ONE, 1e-6, zeroIsFree, PositionReduction.MEAN, 0);
    }

    @Test
    void paddingEntersNothing() {
        Scopes.run(() -> {
            Tensor g = Tensors.of(new double[] {0.5, 9, 0.25, 0.75}, Type.DOUBLE, 2, 2, 1);
            Tensor valid = Tensors.of(new boolean[] {true, false, true, true}, 2, 2);
            ImportanceMinimality term =
                    new ImportanceMinimality(ONE, ONE, 0, false, PositionReduction.MEAN, 0);
            assertThat(
                            Tensors.toDoubles(
                                    ImportanceLosses.powers(Engines.LIBTORCH, term, 1, g, valid)))
                    .containsExactly(1.5);
            // The largest of each sequence: 0.5 and 0.75.
            assertThat(
                            Tensors.toDoubles(
                                    ImportanceLosses.peaks(
                                            ImportanceLosses.eachPeak(Engines.LIBTORCH, g, valid))))
                    .containsExactly(1.25);
        });
    }

    @Test
    void positionsAreAveragedOrSummed() {
        assertThat(divisor(PositionReduction.MEAN)).isEqualTo(30);
        assertThat(divisor(PositionReduction.SUM)).isEqualTo(4);
    }

    @Test
    void usageIsConcaveInTheShareOfSequences() {
        Usage term = new Usage(ONE, 0.5, 0.01);
        // Totals 0.6 and 0 over 4 sequences: sqrt(0.15 + 0.01) - sqrt(0.01) + 0
        assertThat(term.value(new double[] {0.6, 0}, 4)).isCloseTo(0.3, ROUNDING);
    }

    private static Tensor row(double... values) {
        return Tensors.of(values, Type.DOUBLE, 1, 1, values.length);
    }

    /// The divisor of a batch of 4 sequences with 30 valid positions.
    private static double divisor(PositionReduction positions) {
        Schedule one = Schedule.constant(1);
        return new ImportanceMinimality(one, one, 0, false, positions, 0)
                .divisor(new BatchSummary.Sizes(4, 30, 0));
    }
}
