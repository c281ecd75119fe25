package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.testing.Golden;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

class ModelCommandTest {
    private static final Path GPT2 = Golden.FOLDER.resolve("gguf/gpt2.gguf");

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @TempDir private Path folder;

    private int run(Object... arguments) {
        return Main.run(
                new PrintWriter(out, true),
                new PrintWriter(err, true),
                Arrays.stream(arguments).map(Object::toString).toArray(String[]::new));
    }

    @Test
    void aModelIsShown() {
        assertThat(run("model", GPT2)).as(err.toString()).isZero();
        assertThat(out.toString())
                .contains(
                        "family      gpt2",
                        "parameters  7,472 in 28 tensors (F32 28)",
                        "positions   32",
                        "tokenizer   none",
                        "h.*.attn.c_attn");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "induction-rotary | induction_transformer | Q0 [16, 16], 1",
                "tms-40-10-id | tms | linear2 [40, 10], 1",
                "resid-mlp-2 | residual_mlp | mlp_in1 [25, 1000], 1"
            })
    void aModelThatWasTrainedHereIsShown(String name, String kind, String site) {
        Path model = Path.of("models").resolve(name);
        assertThat(run("model", model)).as(err.toString()).isZero();
        assertThat(out.toString()).contains("family      " + kind + "\n", "tokenizer   none", site);
        assertThat(run("model", "convert", model, folder.resolve("made"))).isEqualTo(2);
        assertThat(err.toString()).contains("model must be a folder with config.json");
    }

    @Test
    void aModelWithAReferenceShowsItsReceipt() {
        assertThat(run("model", "--json", Golden.FOLDER.resolve("gpt2/plain")))
                .as(err.toString())
                .isZero();
        JsonNode shown = new ObjectMapper().readTree(out.toString());
        assertThat(shown.path("files").path("family").asString()).isEqualTo("gpt2");
        assertThat(shown.path("parity").path("largest").asDouble()).isLessThan(1e-4);
        assertThat(shown.path("sites").get(0).path("d_in").asInt()).isPositive();
    }

    @Test
    void aModelIsConverted() {
        Path made = folder.resolve("made");
        assertThat(run("model", "convert", GPT2, made)).as(err.toString()).isZero();
        assertThat(out.toString()).contains("28 tensors written to " + made);
        assertThat(run("model", made)).as(err.toString()).isZero();
        assertThat(run("model", "convert", GPT2, made)).isEqualTo(2);
        assertThat(err.toString()).contains("folder to write to must be empty or not there");
    }

    @Test
    void wrongInputIsOneSentence() throws Exception {
        assertThat(run("model")).isEqualTo(2);
        assertThat(run("model", "hf:no/such/name")).isEqualTo(2);
        assertThat(err.toString()).contains("model on the hub must be hf:organisation/name");
        assertThat(run("model", folder)).isEqualTo(2);
        assertThat(err.toString()).contains("model must be a folder with config.json");
        Path cut = Files.write(folder.resolve("cut.gguf"), new byte[] {'G', 'G', 'U', 'F', 3});
        assertThat(run("predict", cut, "a")).isEqualTo(2);
        assertThat(err.toString()).contains("its end after 5 bytes");
        assertThat(err.toString()).doesNotContain("Exception");
    }
}
