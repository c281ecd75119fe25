package cleave;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// What would end the making of the Javadoc (`./mvnw -Partefacts package`), which no build for
/// daily use makes.
class DocCommentsTest {
    /// A name of letters all large in brackets is a paper of the specification there, and a link to
    /// a type that does not exist here.
    private static final Pattern PAPER = Pattern.compile("^\\s*///.*\\[[A-Z]{2,}]");

    @Test
    void noCommentTakesAPaperForALink() throws IOException {
        List<String> found = new ArrayList<>();
        try (Stream<Path> files = Files.walk(Path.of("src/main/java"))) {
            for (Path file : files.filter(each -> each.toString().endsWith(".java")).toList()) {
                Files.readAllLines(file).stream()
                        .filter(line -> PAPER.matcher(line.replaceAll("`[^`]*`", "")).find())
                        .forEach(line -> found.add(file + ": " + line.strip()));
            }
        }
        assertThat(found).isEmpty();
    }
}
