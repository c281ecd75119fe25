package cleave.command;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ShellWordTest {
    @Test
    void onlyWhatAShellWouldReadOtherwiseIsQuoted() {
        assertThat(ShellWord.of(Path.of("runs/demo-1.b"))).isEqualTo("runs/demo-1.b");
        assertThat(ShellWord.of(Path.of("my runs/a"))).isEqualTo("'my runs/a'");
        assertThat(ShellWord.of("it's $1")).isEqualTo("'it'\\''s $1'");
        assertThat(ShellWord.of("")).isEqualTo("''");
    }
}
