package cleave;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `bin/Site.java` makes the texts into a site, all of whose relative links lead somewhere.
class SiteTest {
    private static final Pattern TARGET = Pattern.compile("(?:href|src)=\"([^\"]+)\"");

    @TempDir private Path folder;

    @Test
    void everyLinkOfTheSiteLeadsToAFileAndAnAnchor() throws IOException, InterruptedException {
        Process made =
                new ProcessBuilder(
                                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                                "-XX:TieredStopAtLevel=1",
                                "-cp",
                                System.getProperty("java.class.path"),
                                "bin/Site.java",
                                ".",
                                folder.toString())
                        .redirectErrorStream(true)
                        .start();
        String printed = new String(made.getInputStream().readAllBytes(), UTF_8);
        assertThat(made.waitFor()).as(printed).isZero();

        List<Path> pages;
        try (Stream<Path> files = Files.walk(folder)) {
            pages = files.filter(file -> file.toString().endsWith(".html")).toList();
        }
        assertThat(pages)
                .hasSizeGreaterThan(20)
                .contains(
                        folder.resolve("index.html"),
                        folder.resolve("docs").resolve("tutorial.html"));
        List<String> broken = new ArrayList<>();
        for (Path page : pages) {
            for (String target : targets(Files.readString(page))) {
                int hash = target.indexOf('#');
                String name = hash < 0 ? target : target.substring(0, hash);
                Path file = name.isEmpty() ? page : page.resolveSibling(name).normalize();
                if (!Files.isRegularFile(file)
                        || (hash >= 0 && !hasAnchor(file, target.substring(hash + 1)))) {
                    broken.add(folder.relativize(page) + ": " + target);
                }
            }
        }
        assertThat(broken).isEmpty();
        assertThat(Files.readString(folder.resolve("index.html")))
                .contains("<table>", "<img src=\"docs/idea.svg\"")
                .doesNotContain("<script", ".md\"");
    }

    private static boolean hasAnchor(Path file, String name) throws IOException {
        return Files.readString(file).contains("id=\"%s\"".formatted(name));
    }

    private static List<String> targets(String html) {
        return TARGET.matcher(html)
                .results()
                .map(match -> match.group(1))
                .filter(target -> !target.matches("[a-z]+:.*"))
                .toList();
    }
}
