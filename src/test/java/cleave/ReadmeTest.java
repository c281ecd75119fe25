package cleave;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.cli.Main;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReadmeTest {
    private static final Path README = Path.of("README.md");

    @Test
    void itsJavaExampleCompiles(@TempDir Path folder) throws IOException {
        Path source = folder.resolve("SuppressOne.java");
        Files.writeString(source, block("java"));

        int exit =
                ToolProvider.getSystemJavaCompiler()
                        .run(
                                null,
                                null,
                                null,
                                "-d",
                                folder.toString(),
                                "-proc:none",
                                "-cp",
                                System.getProperty("java.class.path"),
                                source.toString());

        assertThat(exit).isZero();
    }

    @Test
    void itsCommandsAreTheCommands() throws IOException {
        List<String> named =
                Pattern.compile("^\\| `cleave (\\w+)", Pattern.MULTILINE)
                        .matcher(Files.readString(README))
                        .results()
                        .map(match -> match.group(1))
                        .toList();
        StringWriter help = new StringWriter();
        Main.run(new PrintWriter(help), new PrintWriter(help), "--help");

        assertThat(named)
                .isNotEmpty()
                .allSatisfy(name -> assertThat(help.toString()).contains("  " + name));
        List<String> commands =
                Pattern.compile("^  ([a-z]+)  ", Pattern.MULTILINE)
                        .matcher(help.toString())
                        .results()
                        .map(match -> match.group(1))
                        .toList();
        assertThat(Files.readString(README)).contains(commands);
    }

    @Test
    void nothingIsLeftToFillIn() throws IOException {
        assertThat(Files.readString(README)).doesNotContain("@@");
    }

    @Test
    void itsLinksLeadToFiles() throws IOException {
        List<String> links =
                Pattern.compile("\\]\\((?!https?:)([^)#]+)\\)")
                        .matcher(Files.readString(README))
                        .results()
                        .map((MatchResult match) -> match.group(1))
                        .toList();

        assertThat(links).isNotEmpty().allSatisfy(link -> assertThat(Path.of(link)).exists());
    }

    private static String block(String language) throws IOException {
        String text = Files.readString(README);
        int start = text.indexOf("```" + language + "\n") + language.length() + 4;
        return text.substring(start, text.indexOf("```", start));
    }
}
