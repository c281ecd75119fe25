package cleave;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import cleave.cli.Main;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PipedReader;
import java.io.PipedWriter;
import java.io.PrintWriter;
import java.io.Writer;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Runs every command of `docs/tutorial.md` in its order, and holds what they print to what the
/// page shows.
///
/// A block `sh` has commands. Where a block `text` follows it, each of its lines must be a line of
/// what the block's last command prints, in this order; `...` in it stands for anything. What the
/// page makes lies in a temporary folder.
class TutorialTest {
    private static final Path PAGE = Path.of("docs/tutorial.md");
    private static final Pattern BLOCK =
            Pattern.compile("(?ms)^```sh\n(.*?)^```$(?:\\s*^```text\n(.*?)^```$)?");
    private static final Pattern WORD = Pattern.compile("\"[^\"]*\"|'[^']*'|\\S+");
    private static final Pattern QUOTES = Pattern.compile("\".*\"|'.*'");
    private static final List<String> MADE =
            List.of("prompts.txt", "tutorial.yaml", "runs/", "edited");

    @TempDir private Path folder;

    @Test
    void everyLineDoesWhatThePageShows() throws IOException, InterruptedException {
        List<MatchResult> blocks = BLOCK.matcher(Files.readString(PAGE)).results().toList();
        assertThat(blocks).hasSizeGreaterThan(5);
        int commands = 0;
        for (MatchResult block : blocks) {
            String printed = "";
            if (block.group(1).startsWith("bin/cleave ")) {
                for (String line : block.group(1).replace("\\\n", " ").lines().toList()) {
                    printed = cleave(line);
                    commands++;
                }
            } else {
                printed = shell(block.group(1));
            }
            String shown = block.group(2);
            if (shown != null) {
                assertShown(shown, printed.replace(folder + "/", ""));
            }
        }
        assertThat(commands).isGreaterThan(9);
    }

    private String cleave(String line) throws IOException, InterruptedException {
        List<String> words =
                WORD.matcher(line)
                        .results()
                        .map(MatchResult::group)
                        .map(word -> QUOTES.matcher(word).matches() ? inner(word) : word)
                        .toList();
        assertThat(words.getFirst()).isEqualTo("bin/cleave");
        List<String> arguments = new ArrayList<>();
        for (String word : words.subList(1, words.size())) {
            if (word.startsWith("#")) {
                break; // the rest of the line is a remark
            }
            boolean made = MADE.stream().anyMatch(word::startsWith);
            arguments.add(made ? folder.resolve(word).toString() : word);
        }
        if (arguments.getFirst().equals("explore")) {
            return explore(arguments);
        }
        Result result = TinyRun.cleave(arguments.toArray(String[]::new));
        assertThat(result.exitCode()).as("%s%n%s%s", line, result.out(), result.err()).isZero();
        return result.out();
    }

    private static String inner(String quoted) {
        return quoted.substring(1, quoted.length() - 1);
    }

    /// Asks the page that the command serves for its first file, and ends the command.
    private static String explore(List<String> arguments) throws IOException, InterruptedException {
        List<String> anyPort = new ArrayList<>(arguments);
        anyPort.addAll(List.of("--port", "0"));
        try (PipedReader printed = new PipedReader();
                BufferedReader lines = new BufferedReader(printed);
                PipedWriter out = new PipedWriter(printed);
                HttpClient client = HttpClient.newHttpClient()) {
            Thread server =
                    Thread.ofPlatform()
                            .start(() ->
                                    Main.run(
                                            new PrintWriter(out),
                                            new PrintWriter(Writer.nullWriter()),
                                            anyPort.toArray(String[]::new)));
            String address = lines.readLine();
            HttpResponse<String> page =
                    client.send(
                            HttpRequest.newBuilder(URI.create(address)).build(),
                            HttpResponse.BodyHandlers.ofString());
            assertThat(page.statusCode()).isEqualTo(200);
            assertThat(page.body()).contains("<html");
            server.interrupt();
            server.join();
            return address;
        }
    }

    private String shell(String script) throws IOException, InterruptedException {
        Process process =
                new ProcessBuilder("sh", "-ec", script)
                        .directory(folder.toFile())
                        .redirectErrorStream(true)
                        .start();
        process.getOutputStream().close();
        String printed = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor()).as(script + printed).isZero();
        return printed;
    }

    private static void assertShown(String shown, String printed) {
        List<String> lines = printed.lines().map(String::stripTrailing).toList();
        int next = 0;
        for (String line : shown.lines().map(String::stripTrailing).toList()) {
            if (line.isEmpty() || line.equals("...")) {
                continue;
            }
            Pattern pattern =
                    Pattern.compile(
                            Arrays.stream(line.split("\\.\\.\\.", -1))
                                    .map(Pattern::quote)
                                    .reduce((left, right) -> left + ".*" + right)
                                    .orElseThrow());
            while (next < lines.size() && !pattern.matcher(lines.get(next)).matches()) {
                next++;
            }
            assertThat(next).as("\"%s\" in%n%s", line, printed).isLessThan(lines.size());
            next++;
        }
    }
}
