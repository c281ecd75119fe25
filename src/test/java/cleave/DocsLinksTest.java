package cleave;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every relative link of the texts leads to a file of the repository, and every anchor to a
/// heading of that file.
class DocsLinksTest {
    private static final Pattern FENCED = Pattern.compile("(?ms)^```.*?^```$");
    private static final Pattern CODE = Pattern.compile("`[^`\n]*`");
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");
    private static final Pattern HEADING = Pattern.compile("(?m)^#{1,6} +(.+?) *$");

    static List<Path> pages() throws IOException {
        try (Stream<Path> docs = Files.walk(Path.of("docs"))) {
            return Stream.concat(
                            Stream.of("README.md", "CONTRIBUTING.md", "CHANGELOG.md").map(Path::of),
                            docs.filter(file -> file.toString().endsWith(".md")).sorted())
                    .toList();
        }
    }

    @ParameterizedTest
    @MethodSource("pages")
    void everyRelativeLinkLeadsToAFileAndItsAnchorToAHeading(Path page) throws IOException {
        String text = CODE.matcher(withoutExamples(page)).replaceAll("");
        List<String> links =
                LINK.matcher(text)
                        .results()
                        .map(match -> match.group(1))
                        .filter(link -> !link.matches("[a-z]+:.*"))
                        .toList();

        for (String link : links) {
            int hash = link.indexOf('#');
            String name = hash < 0 ? link : link.substring(0, hash);
            Path file = name.isEmpty() ? page : page.resolveSibling(name).normalize();
            assertThat(file).as("link %s of %s", link, page).exists();
            if (hash >= 0) {
                assertThat(anchors(file))
                        .as("anchors of link %s of %s", link, page)
                        .contains(link.substring(hash + 1));
            }
        }
    }

    /// The anchors that GitHub gives the headings of a page: lower case, no punctuation but
    /// hyphens, a hyphen for each space.
    private static List<String> anchors(Path page) throws IOException {
        return HEADING.matcher(withoutExamples(page))
                .results()
                .map(match -> match.group(1).toLowerCase(Locale.ROOT))
                .map(title -> title.replaceAll("[^\\p{L}\\p{N}_ -]", "").replace(' ', '-'))
                .toList();
    }

    /// The text without fenced blocks, whose brackets and comment signs are code.
    private static String withoutExamples(Path page) throws IOException {
        return FENCED.matcher(Files.readString(page)).replaceAll("");
    }
}
