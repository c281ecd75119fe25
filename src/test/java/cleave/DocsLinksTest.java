package cleave;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every relative link and picture of the texts leads to a file of the repository, and every anchor
/// to a heading of that file; and what code, configurations and texts call `docs/...` exists.
class DocsLinksTest {
    private static final Pattern FENCED = Pattern.compile("(?ms)^```.*?^```$");
    private static final Pattern CODE = Pattern.compile("`[^`\n]*`");
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)\\s]+)\\)");
    private static final Pattern HEADING = Pattern.compile("(?m)^#{1,6} +(.+?) *$");
    private static final Pattern PICTURE = Pattern.compile("!\\[([^\\]]*)\\]");
    private static final Pattern NAMED = Pattern.compile("(?<![\\w./-])docs/[\\w/-]+\\.[a-z]+");
    private static final List<String> OTHERS =
            List.of(
                    "README.md",
                    "CONTRIBUTING.md",
                    "CHANGELOG.md",
                    "bench/README.md",
                    "src/test/golden/README.md");

    static List<Path> pages() throws IOException {
        try (Stream<Path> docs = Files.walk(Path.of("docs"))) {
            return Stream.concat(
                            OTHERS.stream().map(Path::of),
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

    @ParameterizedTest
    @MethodSource("pages")
    void everyPictureSaysInWordsWhatItShows(Path page) throws IOException {
        assertThat(PICTURE.matcher(withoutExamples(page)).results())
                .allSatisfy(picture -> assertThat(picture.group(1)).isNotBlank());
    }

    static List<Path> writtenFiles() throws IOException {
        List<Path> files = new ArrayList<>();
        for (String folder :
                List.of(
                        ".ci",
                        "bench",
                        "bin",
                        "configs",
                        "docs",
                        "examples",
                        "models",
                        "python",
                        "src")) {
            try (Stream<Path> all = Files.walk(Path.of(folder))) {
                all.filter(Files::isRegularFile)
                        .filter(file -> isWritten(file.getFileName().toString()))
                        .forEach(files::add);
            }
        }
        OTHERS.stream().map(Path::of).filter(file -> !files.contains(file)).forEach(files::add);
        return files;
    }

    private static boolean isWritten(String name) {
        return !name.contains(".") || name.matches(".*\\.(java|md|yaml|py|sh|xml|properties)");
    }

    @Test
    void everyPageThatIsNamedExists() throws IOException {
        List<String> missing = new ArrayList<>();
        for (Path file : writtenFiles()) {
            NAMED.matcher(Files.readString(file))
                    .results()
                    .map(MatchResult::group)
                    .filter(name -> !Files.exists(Path.of(name)))
                    .forEach(name -> missing.add(file + ": " + name));
        }
        assertThat(missing).isEmpty();
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
