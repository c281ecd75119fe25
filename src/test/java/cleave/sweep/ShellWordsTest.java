package cleave.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ShellWordsTest {
    @Test
    void aShellReadsTheWordsBack() throws Exception {
        List<String> words =
                List.of("plain", "a b", "it's", "p={kind: linear}", "x[0].y=$1", "", "*", "~");
        String script = "printf '%s\\n' " + ShellWords.join(words);

        Process shell = new ProcessBuilder("sh", "-c", script).start();

        String out = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(new ArrayList<>(List.of(out.split("\n", -1))).subList(0, words.size()))
                .isEqualTo(words);
    }
}
