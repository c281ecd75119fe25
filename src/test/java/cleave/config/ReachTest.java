package cleave.config;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ReachTest {
    private static final long SECOND = 1_000_000_000;

    private final AtomicLong now = new AtomicLong(17);

    @Test
    void workThatEndsWithinAMonthGoesOnAndMoreIsRefusedWithWhatItTakes() {
        // 100 parts in 4 s, so 40 ms each: 30 days are 64,800,000 parts.
        Reach just = new Reach("--steps", 64_800_000, now::get);
        Reach more = new Reach("--steps", 2_147_483_647, now::get);
        now.addAndGet(4 * SECOND);
        assertThatCode(() -> just.done(100)).doesNotThrowAnyException();
        // 2,147,483,647 * 0.04 s = 85,899,346 s.
        assertThatThrownBy(() -> more.done(100))
                .isInstanceOf(UserError.class)
                .hasMessage(
                        "--steps must end within 30 days on this machine, got 2147483647, which takes 994 days (40.0 ms each)");
    }

    @Test
    void theFirstSecondsAndWhatIsLongUnderWayAreNotJudged() {
        Reach reach = new Reach("--steps", Long.MAX_VALUE, now::get);
        assertThatCode(() -> reach.done(1)).doesNotThrowAnyException();
        now.addAndGet(2 * SECOND);
        assertThatCode(() -> reach.done(1)).doesNotThrowAnyException();
        now.addAndGet(59 * SECOND);
        assertThatCode(() -> reach.done(1)).doesNotThrowAnyException();
    }
}
