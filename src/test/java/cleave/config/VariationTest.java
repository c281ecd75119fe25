package cleave.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VariationTest {
    @Test
    void commasPartValuesButNotWhatStandsInBrackets() {
        Variation variation =
                Variation.parse(
                        "--vary",
                        "losses[1].p=0.5,{kind: linear, from: 1.0, to: 0.4}, [1, 2],a-b,\"x,y\"");

        assertThat(variation.key()).isEqualTo("losses[1].p");
        assertThat(variation.values())
                .containsExactly(
                        "0.5", "{kind: linear, from: 1.0, to: 0.4}", "[1, 2]", "a-b", "\"x,y\"");
    }

    @Test
    void aKeyIsWrittenInOneWay() {
        assertThat(Variation.parse("--vary", "\"optimizer\".learning_rate=1").key())
                .isEqualTo("optimizer.learning_rate");
    }

    @Test
    void aKeyCoversWhatStandsBelowIt() {
        Variation variation = Variation.parse("--vary", "streams[0].losses=a,b");

        assertThat(variation.covers("streams[0].losses")).isTrue();
        assertThat(variation.covers("streams[0].losses[2].p")).isTrue();
        assertThat(variation.covers("streams[0].losses.kind")).isTrue();
        assertThat(variation.covers("streams[0].losses_more")).isFalse();
        assertThat(variation.covers("streams[0]")).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"steps", "=1,2", "a..b=1", "steps=", "steps=1,1", "steps={a", "a[x]=1"})
    void otherTextIsRefused(String text) {
        assertThatThrownBy(() -> Variation.parse("--vary", text))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("--vary");
    }
}
