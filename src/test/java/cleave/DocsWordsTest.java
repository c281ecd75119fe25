package cleave;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// The texts that a user reads from beginning to end stay short. What is looked up lies under
/// `docs/reference/`, and the history of results under `docs/appendix/`.
class DocsWordsTest {
    private static final int README = 700;
    private static final int GUIDES = 12_000; // with the README

    @Test
    void theReadmeIsAScreenAndAHalf() throws IOException {
        assertThat(words(Path.of("README.md"))).isLessThanOrEqualTo(README);
    }

    @Test
    void theGuidePagesTogetherCanBeReadInAnHour() throws IOException {
        int all = words(Path.of("README.md"));
        try (Stream<Path> docs = Files.list(Path.of("docs"))) {
            for (Path page : docs.filter(file -> file.toString().endsWith(".md")).toList()) {
                all += words(page);
            }
        }
        assertThat(all).isLessThanOrEqualTo(GUIDES);
    }

    /// What stands between white space, as `wc -w` counts.
    private static int words(Path page) throws IOException {
        return Files.readString(page).strip().split("\\s+", -1).length;
    }
}
