package cleave.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cleave.config.UserError;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SeedsTest {
    @Test
    void rangesAndSingleSeedsMayBeMixed() {
        assertThat(Seeds.parse("0-4")).containsExactly(0L, 1L, 2L, 3L, 4L);
        assertThat(Seeds.parse("0,3,7")).containsExactly(0L, 3L, 7L);
        assertThat(Seeds.parse("5")).containsExactly(5L);
        assertThat(Seeds.parse("9, 2-3")).containsExactly(9L, 2L, 3L);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a", "0-", "-1", "4-0", "1,1", "0-2,2", "0,,1", "0-999999999"})
    void otherTextIsRefused(String text) {
        assertThatThrownBy(() -> Seeds.parse(text))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("--seeds")
                .hasMessageContaining("got " + text);
    }
}
