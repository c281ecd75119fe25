package cleave.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import cleave.config.UserError;
import cleave.run.RunFile;
import cleave.tensor.Type;
import cleave.testing.TinyRun;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class Gpt2SitesTest {
    @TempDir private Path temporary;
    private TinyRun tiny;

    @BeforeEach
    void write() throws IOException {
        tiny = TinyRun.in(temporary);
    }

    @Test
    void patternsSelectTheWholeMapOrItsParts() {
        assertThat(count("h.*.attn.c_attn")).isEqualTo(2);
        assertThat(count("h.*.attn.c_attn.?")).isEqualTo(6);
        assertThat(count("h.*.c_proj")).isEqualTo(4);
        assertThat(count("h.1.mlp.*")).isEqualTo(2);
        assertThat(count("h.0.{attn.c_attn.[qk],mlp.c_fc}")).isEqualTo(3);
    }

    @Test
    void theWholeWithAPartIsRefused() {
        assertThatExceptionOfType(UserError.class)
                .isThrownBy(() -> count("h.0.attn.*"))
                .withMessage(
                        "site h.0.attn.c_attn must be selected whole or by its parts, got both: [h.0.attn.c_attn.q, h.0.attn.c_attn.k, h.0.attn.c_attn.v]");
    }

    private int count(String pattern) {
        RunFile file =
                RunFile.read(
                        tiny.config(),
                        java.util.List.of(
                                "sites=[{pattern: \"%s\", subcomponents: 2}]".formatted(pattern)));
        try (Model model = Model.load(Gpt2ParityTest.folder("prefixed"), Type.FLOAT)) {
            return file.sitesOf(model.target()).size();
        }
    }
}
