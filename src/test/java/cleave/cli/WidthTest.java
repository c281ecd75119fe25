package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Tables fit a terminal of 100 columns, come as CSV and JSON alike, and nothing is coloured where
/// it is not shown on a terminal.
class WidthTest {
    private static final String FACTS = "models/facts-gpt2-decomposed";
    private static final String PROMPT = "Tiger Woods plays the sport of";

    @TempDir private static Path folder;
    private static Path run;

    @BeforeAll
    static void decompose() throws Exception {
        TinyRun tiny = TinyRun.in(folder);
        run = tiny.run("run");
        Result result = tiny.decompose(run, "--set", "steps=2");
        assertThat(result.exitCode()).as(result.err()).isZero();
    }

    static Stream<List<String>> commands() {
        String tiny = "RUN";
        return Stream.of(
                List.of("census", tiny, "--sequences", "4"),
                List.of("verdict", tiny, "--sequences", "4"),
                List.of("census", FACTS, "--sequences", "4"),
                List.of("suppress", tiny, "--subcomponents", "Q0:1", "--tokens", "1,2,3,4"),
                List.of("concept", FACTS, "--prompt", PROMPT, "--answer", " golf"),
                List.of("attribute", FACTS, "--prompt", PROMPT),
                List.of("explain", FACTS, "--prompt", PROMPT, "--steps", "3", "--attack", "1"),
                List.of("predict", "models/facts-gpt2", PROMPT),
                List.of("predict", "models/facts-gpt2", PROMPT, "--lens"),
                List.of("model", "models/facts-gpt2"),
                List.of("toys", "--kept"),
                List.of("doctor"));
    }

    @ParameterizedTest
    @MethodSource("commands")
    void tablesFitOneHundredColumnsAndComeAsJsonAndCsv(List<String> command) {
        Result text = cleave(command);
        assertThat(text.exitCode()).as(text.err()).isBetween(0, 1);
        assertThat(text.out() + text.err()).doesNotContain("\u001b");
        assertThat(text.out().lines().filter(line -> line.matches("-{4,}")))
                .allSatisfy(rule -> assertThat(rule.length()).isLessThanOrEqualTo(100));
        boolean tables = text.out().lines().anyMatch(line -> line.matches("-{4,}"));

        Result json = cleave(with(command, "--json"));
        assertThat(json.exitCode()).isEqualTo(text.exitCode());
        assertThat(json.out().strip()).startsWith("{").endsWith("}");
        Result csv = cleave(with(command, "--csv"));
        assertThat(csv.exitCode()).isEqualTo(text.exitCode());
        if (tables) {
            assertThat(csv.out().lines().findFirst().orElse("")).contains(",");
        }
    }

    private static List<String> with(List<String> command, String option) {
        return Stream.concat(command.stream(), Stream.of(option)).toList();
    }

    private static Result cleave(List<String> command) {
        return TinyRun.cleave(
                command.stream()
                        .map(word -> word.equals("RUN") ? run.toString() : word)
                        .toArray(String[]::new));
    }
}
