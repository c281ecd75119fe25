package cleave.study.toys;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.TinyRun;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The one test that trains to the end: TMS 5-2 and 5-2-id are taken apart into what is known of
/// them.
class QuickToysTest {
    @TempDir private Path temporary;

    @Test
    void theFeaturesOfTheSmallestToysAreFound() {
        TinyRun.Result result = TinyRun.cleave("toys", "--quick", "--dir", temporary.toString());
        assertThat(result.exitCode()).as(result.out() + result.err()).isZero();
    }
}
