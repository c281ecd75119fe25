package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.Child;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/// Whether what is printed has colours: on a terminal, unless `NO_COLOR` is set, and nowhere else.
class ColourTest {
    private static final String ESCAPE = "\u001b[";
    private static final List<String> HELP = Child.brief(Main.class, "predict", "--help");
    private static final List<String> ERROR = Child.brief(Main.class, "predict", "--nonsense");

    @Test
    void aTerminalHasColoursUnlessTheUserWantsNone() throws IOException {
        Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/bin/script")), "util-linux");

        assertThat(onTerminal(HELP, Map.of())).contains("Usage:", ESCAPE);
        for (List<String> command : List.of(HELP, ERROR)) {
            assertThat(onTerminal(command, Map.of("NO_COLOR", "1")))
                    .contains("predict")
                    .doesNotContain(ESCAPE);
        }
    }

    @Test
    void aPipeHasNone() throws IOException {
        for (List<String> command : List.of(HELP, ERROR)) {
            assertThat(output(new ProcessBuilder(command), Map.of()))
                    .contains("predict")
                    .doesNotContain(ESCAPE);
        }
    }

    /// What a command shows on a terminal of its own, which `script` makes.
    private static String onTerminal(List<String> command, Map<String, String> environment)
            throws IOException {
        String line =
                command.stream()
                        .map(word -> "'" + word.replace("'", "'\\''") + "'")
                        .collect(Collectors.joining(" "));
        return output(
                new ProcessBuilder("/usr/bin/script", "-qec", line, "/dev/null"), environment);
    }

    private static String output(ProcessBuilder builder, Map<String, String> environment)
            throws IOException {
        builder.environment().remove("NO_COLOR");
        builder.environment().put("TERM", "xterm-256color");
        builder.environment().putAll(environment);
        Process process = builder.redirectErrorStream(true).start();
        process.getOutputStream().close();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.onExit().join();
        return text;
    }
}
