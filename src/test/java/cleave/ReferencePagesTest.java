package cleave;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Holds the specification and the glossary to the code.
class ReferencePagesTest {
    private static final Path CODE = Path.of("src/main/java");

    /// `(spec S1 to S5)`, `(G4)` or `(A1, docs/...)` cites a rule of the specification.
    private static final Pattern CITED =
            Pattern.compile("(?:\\bspec |\\(|, | to )([ABCGLMNRSTW]\\d{1,2})(?=[,;):.]| to |$)");

    private static final Pattern RULE = Pattern.compile("\\*\\*([A-Z]\\d{1,2})\\*\\*");
    private static final Pattern NAME = Pattern.compile("`([^`]+)`");

    @Test
    void everyRuleThatTheCodeCitesIsInTheSpecification() throws IOException {
        Set<String> rules = new TreeSet<>();
        RULE.matcher(Files.readString(Path.of("docs/reference/spec.md")))
                .results()
                .forEach(rule -> rules.add(rule.group(1)));
        Set<String> cited = new TreeSet<>();
        for (Path file : sources()) {
            for (String line : Files.readAllLines(file)) {
                if (line.strip().startsWith("//")) {
                    CITED.matcher(line).results().forEach(each -> cited.add(each.group(1)));
                }
            }
        }
        assertThat(cited).hasSizeGreaterThan(40);
        assertThat(rules).containsAll(cited);
    }

    @Test
    void everyClassThatTheGlossaryNamesIsInTheCode() throws IOException {
        String code =
                sources().stream().map(ReferencePagesTest::text).collect(Collectors.joining());
        List<String> names =
                Files.readAllLines(Path.of("docs/reference/glossary.md")).stream()
                        .filter(line -> line.startsWith("| "))
                        .map(line -> line.split("\\|", -1)[3])
                        .flatMap(cell -> NAME.matcher(cell).results())
                        .flatMap(name -> Stream.of(name.group(1).split("\\W+", -1)))
                        .filter(word -> word.matches("[A-Z][a-z]\\w+"))
                        .toList();
        assertThat(names)
                .hasSizeGreaterThan(20)
                .allSatisfy(name ->
                        assertThat(code)
                                .containsPattern(
                                        "(class|record|interface|enum) %s\\b".formatted(name)));
    }

    private static List<Path> sources() throws IOException {
        try (Stream<Path> files = Files.walk(CODE)) {
            return files.filter(file -> file.toString().endsWith(".java")).sorted().toList();
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }
}
