package cleave.verdict;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/// `docs/reference/checks.md` has a section for each check, in their order, with its limits.
class VerdictPageTest {
    private static final Verdict VERDICT =
            Verdict.of(Examples.except(Check.FINISHED, 1), Thresholds.DEFAULT);

    @Test
    void namesEveryCheckAndItsLimits() throws IOException {
        String page = Files.readString(Path.of("docs/reference/checks.md"));
        List<String> titles =
                Pattern.compile("(?m)^## (.+)$")
                        .matcher(page)
                        .results()
                        .map(heading -> heading.group(1))
                        .toList();
        assertThat(titles)
                .startsWith(Arrays.stream(Check.values()).map(Check::title).toArray(String[]::new));
        for (Line line : VERDICT.lines()) {
            String section = section(page, line.check().title());
            assertThat(section).contains("`" + line.check() + "`:");
            if (line.limit().isPresent()) {
                assertThat(section).contains("Passes `%s`".formatted(line.passes()));
            }
            if (!line.warns().isEmpty()) {
                assertThat(section).contains("else warns `%s`".formatted(line.warns()));
            }
        }
    }

    private static String section(String page, String title) {
        int start = page.indexOf("\n## " + title + "\n");
        int end = page.indexOf("\n## ", start + 1);
        return page.substring(start, end < 0 ? page.length() : end);
    }
}
