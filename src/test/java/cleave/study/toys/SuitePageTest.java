package cleave.study.toys;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.config.Keys;
import cleave.config.Kinds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/// `docs/reference/suite.md` has every key of the file of the toys, and no other.
class SuitePageTest {
    @Test
    void everyKeyHasARow() throws IOException {
        String page = Files.readString(Path.of("docs/reference/suite.md"));
        List<String> rows =
                Pattern.compile("(?m)^\\| `(\\w+)` \\|")
                        .matcher(page)
                        .results()
                        .map(row -> row.group(1))
                        .toList();
        List<Keys.Key> keys = Keys.of(ToySuite.class, Kinds.core());

        assertThat(rows)
                .containsExactlyElementsOf(
                        keys.stream()
                                .filter(key -> key.path().equals("toys[]." + key.name()))
                                .map(Keys.Key::name)
                                .toList());
        assertThat(keys).allSatisfy(key -> assertThat(page).contains("`" + key.name() + "`"));
    }
}
