package cleave;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Every command that a text shows is one of `cleave`'s, and has the options that it is shown with.
class DocsCommandsTest {
    // Within a line of a block, or between backticks; a backslash goes on with the next line.
    private static final Pattern COMMAND =
            Pattern.compile(
                    "(?:(?<!\\.py )\\bbin/|`)cleave ([a-z]+(?: (?:step|scaling|convert)\\b)?)([^`\n]*)");
    private static final Pattern OPTION = Pattern.compile("(?<![\\w-])--[a-z][a-z-]*");
    private static final Pattern QUOTED = Pattern.compile("\"[^\"]*\"|'[^']*'");
    private static final Map<String, String> HELP = new HashMap<>();

    static List<Path> pages() throws IOException {
        try (Stream<Path> docs = Files.walk(Path.of("docs"))) {
            return Stream.concat(
                            Stream.of("README.md", "CONTRIBUTING.md", "bench/README.md")
                                    .map(Path::of),
                            docs.filter(file -> file.toString().endsWith(".md")).sorted())
                    .toList();
        }
    }

    @Test
    void everyCommandExistsWithItsOptions() throws IOException {
        List<String> wrong = new ArrayList<>();
        int options = 0;
        for (Path page : pages()) {
            String text = Files.readString(page).replace("\\\n", " ");
            for (var command : COMMAND.matcher(text).results().toList()) {
                String name = command.group(1);
                String rest =
                        QUOTED.matcher(command.group(2)).replaceAll("").replaceAll(" #.*", "");
                String help = HELP.computeIfAbsent(name, DocsCommandsTest::help);
                if (help.isEmpty()) {
                    wrong.add("%s: cleave %s".formatted(page, name));
                    continue;
                }
                for (var option : OPTION.matcher(rest).results().toList()) {
                    options++;
                    if (!help.matches("(?s).*%s(?![\\w-]).*".formatted(option.group()))) {
                        wrong.add("%s: cleave %s %s".formatted(page, name, option.group()));
                    }
                }
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(options).isGreaterThan(50);
    }

    /// What a command says of itself, or nothing where there is no such command.
    private static String help(String name) {
        String[] words = (name + " --help").split(" ", -1);
        Result result = TinyRun.cleave(words);
        return result.exitCode() == 0 ? result.out() : "";
    }
}
