package cleave.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import cleave.model.Generation.Choice;
import java.util.stream.IntStream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class GenerationTest {
    // Probabilities 0.1, 0.6, 0.3 at temperature 1.
    private static final double[] LOGITS = {Math.log(1), Math.log(6), Math.log(3)};

    @Test
    void atTemperatureZeroTheFirstOfTheMostProbableIsTaken() {
        assertThat(new Choice(0, 1, 5).of(LOGITS, 3)).isEqualTo(1);
        assertThat(new Choice(0, 1, 5).of(new double[] {2, 7, 7}, 0)).isEqualTo(1);
    }

    @Test
    void drawsHaveTheProbabilities() {
        // 20,000 draws: the deviation of a share is at most 0.0035.
        assertThat(shares(new Choice(1, 1, 1)))
                .containsExactly(new double[] {0.1, 0.6, 0.3}, Offset.offset(0.015));
    }

    /// At temperature 1/2 probabilities are squared: 1, 36, 9 of 46.
    @Test
    void aLowTemperatureSharpens() {
        assertThat(shares(new Choice(0.5, 1, 1)))
                .containsExactly(
                        new double[] {1 / 46.0, 36 / 46.0, 9 / 46.0}, Offset.offset(0.015));
    }

    /// 0.6 and 0.3 reach 0.8 together; their shares are 2/3 and 1/3.
    @Test
    void topPLeavesTheRestOut() {
        assertThat(shares(new Choice(1, 0.8, 1)))
                .containsExactly(new double[] {0, 2 / 3.0, 1 / 3.0}, Offset.offset(0.015));
        assertThat(shares(new Choice(1, 0.01, 1)))
                .containsExactly(new double[] {0, 1, 0}, Offset.offset(1e-9));
    }

    @Test
    void wrongNumbersAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> new Choice(Double.NaN, 1, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> new Choice(1, 1.1, 0));
    }

    private static double[] shares(Choice choice) {
        double[] shares = new double[3];
        IntStream.range(0, 20_000).forEach(i -> shares[choice.of(LOGITS, i)] += 1 / 20_000.0);
        return shares;
    }
}
