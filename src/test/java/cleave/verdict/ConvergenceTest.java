package cleave.verdict;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cleave.run.MetricsLog;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ConvergenceTest {
    private static final double EXACT = 1e-12;

    // NullAway does not read the type argument of a record component from a class file.
    @SuppressWarnings("NullAway")
    private static MetricsLog.Line line(long step, double rate, @Nullable Double loss) {
        Map<String, @Nullable Double> values = new LinkedHashMap<>();
        values.put("total", 100.0 - step);
        values.put("importance_minimality", 50.0 - step);
        // The mean of the two is `loss`.
        values.put("importance_reconstruction", loss == null ? null : 1.5 * loss);
        values.put("train.stochastic_reconstruction_layerwise", loss == null ? null : 0.5 * loss);
        values.put("learning_rate", rate);
        return new MetricsLog.Line(step, values);
    }

    private static List<MetricsLog.Line> constantRate(double... losses) {
        return IntStream.range(0, losses.length).mapToObj(i -> line(i, 0.1, losses[i])).toList();
    }

    @Test
    void comparesTheMediansOfTheLastTwoFifths() {
        // Of 15 steps 9 to 11 are the fourth fifth, 12 to 14 the last: medians 0.2 and 0.05.
        double[] losses = {9, 9, 9, 9, 9, 9, 9, 9, 9, 0.3, 0.1, 0.2, 0.04, 0.06, 0.05};
        Convergence convergence = Convergence.of(constantRate(losses), 15);

        assertThat(convergence.before()).isCloseTo(0.2, within(EXACT));
        assertThat(convergence.after()).isCloseTo(0.05, within(EXACT));
        assertThat(convergence.logged()).isEqualTo(3);
        // (0.2 + 0.01) / (0.05 + 0.01)
        assertThat(convergence.change()).isCloseTo(3.5, within(EXACT));
    }

    @Test
    void aRiseIsAChangeToo() {
        assertThat(new Convergence(0.05, 0.2, 9).change()).isCloseTo(3.5, within(EXACT));
        assertThat(new Convergence(0.2, 0.2, 9).change()).isEqualTo(1);
    }

    @Test
    void changesOfSmallLossesDoNotMatter() {
        // 0.012 / 0.011 although the loss is halved.
        assertThat(new Convergence(0.002, 0.001, 9).change()).isCloseTo(12 / 11.0, within(EXACT));
    }

    @Test
    void fifthsAreOfTheSummedLearningRate() {
        // Six steps do 60 %, the next three 20 % and the last six 20 %.
        List<MetricsLog.Line> lines = new ArrayList<>();
        for (int i = 0; i < 15; i++) {
            double rate = i < 6 ? 1 : i < 9 ? 2 / 3.0 : 1 / 3.0;
            lines.add(line(10L * i, rate, (double) i));
        }
        Convergence convergence = Convergence.of(lines, 1000);

        assertThat(convergence.before()).isCloseTo(7, within(EXACT)); // of 6, 7, 8
        assertThat(convergence.after()).isCloseTo(11.5, within(EXACT)); // of 9 to 14
        assertThat(convergence.logged()).isEqualTo(3);
    }

    @Test
    void passesOverStepsWithoutALossAndThoseAfterTheCheckpoint() {
        List<MetricsLog.Line> lines = new ArrayList<>();
        double[] losses = {9, 9, 9, 9, 9, 9, 9, 9, 9, 0.3, 0.1, 0.2, 0.04, 0.06, 0.05};
        lines.addAll(constantRate(losses));
        lines.add(7, line(6, 0.1, null));
        lines.add(line(15, 0.1, 77.0));

        assertThat(Convergence.of(lines, 15)).isEqualTo(Convergence.of(constantRate(losses), 15));
    }

    @Test
    void tooFewLoggedStepsSayNothing() {
        Convergence convergence = Convergence.of(constantRate(3, 3, 3, 3, 3, 3, 3, 3, 3, 3), 10);

        assertThat(convergence.logged()).isEqualTo(2);
        assertThat(convergence.change()).isNaN();
        assertThat(Convergence.of(List.of(), 0).change()).isNaN();
    }
}
