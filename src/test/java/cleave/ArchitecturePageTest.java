package cleave;

import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/// The table of packages in `docs/reference/architecture.md` is what the code says: their order is
/// that of [LayeringTest], their sentences are the first of their `package-info.java`, and what
/// they use is what their classes use.
///
/// With `-Dcleave.write=true` (for Maven: `-DargLine=-Dcleave.write=true`) the table is written.
class ArchitecturePageTest {
    private static final Path PAGE = Path.of("docs/reference/architecture.md");
    private static final Path CODE = Path.of("src/main/java");
    private static final Pattern TABLE =
            Pattern.compile("\\| package \\| holds \\| uses \\|\\R(?:\\|.*\\R)+");
    private static final Pattern SENTENCE = Pattern.compile("(?s)(.+?)\\.(?=\\s|$)");

    @Test
    void theTableOfPackagesIsThatOfTheCode() throws IOException {
        String page = Files.readString(PAGE);
        Matcher table = TABLE.matcher(page);
        assertThat(table.find()).as("table of packages in %s", PAGE).isTrue();
        if (Boolean.getBoolean("cleave.write")) {
            Files.writeString(PAGE, table.replaceFirst(Matcher.quoteReplacement(rows())));
        } else {
            assertThat(table.group()).isEqualTo(rows());
        }
    }

    private static String rows() throws IOException {
        StringBuilder rows = new StringBuilder("| package | holds | uses |\n|---|---|---|\n");
        Map<String, Set<String>> uses = uses();
        for (String name : LayeringTest.PACKAGES) {
            rows.append(
                    "| `%s` | %s | %s |\n"
                            .formatted(
                                    own(name),
                                    sentence(name),
                                    direct(name, uses).stream()
                                            .map(ArchitecturePageTest::own)
                                            .collect(Collectors.joining(", "))));
        }
        return rows.toString();
    }

    /// The first sentence that describes a package, without its end.
    private static String sentence(String name) throws IOException {
        Path file = CODE.resolve(name.replace('.', '/')).resolve("package-info.java");
        String description =
                Files.readAllLines(file).stream()
                        .filter(line -> line.startsWith("///"))
                        .map(line -> line.substring(3).strip())
                        .collect(Collectors.joining(" "));
        Matcher first = SENTENCE.matcher(description);
        assertThat(first.find()).as("a sentence in %s", file).isTrue();
        return first.group(1);
    }

    /// The packages of ours that each package uses.
    private static Map<String, Set<String>> uses() {
        Map<String, Set<String>> uses = new TreeMap<>();
        for (JavaClass each : LayeringTest.CLASSES) {
            Set<String> used = uses.computeIfAbsent(each.getPackageName(), _ -> new TreeSet<>());
            each.getDirectDependenciesFromSelf().stream()
                    .map(dependency -> dependency.getTargetClass().getPackageName())
                    .filter(LayeringTest.PACKAGES::contains)
                    .filter(name -> !name.equals(each.getPackageName()))
                    .forEach(used::add);
        }
        return uses;
    }

    /// Those that a package uses and that no other of them uses, even through others; in the order
    /// of the layers.
    private static List<String> direct(String name, Map<String, Set<String>> uses) {
        Set<String> used = uses.getOrDefault(name, new TreeSet<>());
        Set<String> through = new TreeSet<>();
        used.forEach(each -> addAll(each, uses, through));
        return LayeringTest.PACKAGES.stream()
                .filter(each -> used.contains(each) && !through.contains(each))
                .toList();
    }

    private static void addAll(String name, Map<String, Set<String>> uses, Set<String> all) {
        for (String each : uses.getOrDefault(name, new TreeSet<>())) {
            if (all.add(each)) {
                addAll(each, uses, all);
            }
        }
    }

    private static String own(String name) {
        return name.substring("cleave.".length());
    }
}
