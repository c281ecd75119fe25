package cleave.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class UserErrorTest {
    @Test
    void hintsAreLinesUnderTheMessage() {
        UserError error = UserError.withHints("a must be > 0, got -1", "leave it out", "write 1");

        assertThat(error).hasMessage("a must be > 0, got -1\nhint: leave it out\nhint: write 1");
        assertThat(error.hints()).containsExactly("leave it out", "write 1");
    }

    @Test
    void hintsWithinTheMessageAreFoundToo() {
        Problem problem = new Problem("f:1", "a is missing", java.util.Optional.of("write a: 1"));

        assertThat(new UserError("a must be > 0, got -1").hints()).isEmpty();
        assertThat(new InvalidConfig(List.of(problem)).hints()).containsExactly("write a: 1");
    }
}
