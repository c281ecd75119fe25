package cleave.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cleave.config.UserError;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Golden;
import cleave.text.Tokenizer;
import cleave.text.Tokenizers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

class ConversionTest {
    private static final Path GGUF = Golden.FOLDER.resolve("gguf");

    @TempDir private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2", "qwen3", "gpt2", "gptneox"})
    void aGgufFileBecomesTheFolderThatItWasMadeFrom(String name) throws IOException {
        Path out = folder.resolve("out");
        ModelFiles files = ModelFiles.of(GGUF.resolve(name + ".gguf"));
        Conversion.write(files, out);
        assertThat(ModelFiles.of(out).config()).hasToString(files.config().toString());
        try (TensorMap expected = Safetensors.read(GGUF.resolve(name + ".safetensors"));
                TensorMap actual = Safetensors.read(out.resolve(Model.WEIGHTS))) {
            assertThat(actual.names()).isEqualTo(expected.names());
            for (String tensor : expected.names()) {
                assertThat(actual.get(tensor).equal(expected.get(tensor))).as(tensor).isTrue();
            }
        }
    }

    @Test
    void numbersOfAPlainTypeKeepIt() throws IOException {
        Path out = folder.resolve("out");
        Path half = Gpt2ParityTest.folder("half");
        Conversion.write(ModelFiles.of(half), out);
        ModelFiles before = ModelFiles.of(half);
        ModelFiles after = ModelFiles.of(out);
        assertThat(after.config()).hasToString(before.config().toString());
        before.tensors()
                .forEach((name, tensor) ->
                        assertThat(Objects.requireNonNull(after.tensors().get(name)).kind())
                                .isEqualTo(tensor.kind()));
    }

    @Test
    void nothingIsReplaced() throws IOException {
        Files.writeString(folder.resolve("mine"), "kept");
        assertThatThrownBy(
                        () -> Conversion.write(ModelFiles.of(GGUF.resolve("llama.gguf")), folder))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("folder to write to must be empty or not there");
    }

    @Test
    void aWeightThatIsNoNumberIsNamed() throws IOException {
        Path model = Files.createDirectories(folder.resolve("model"));
        Files.copy(
                Gpt2ParityTest.folder("plain").resolve("config.json"),
                model.resolve("config.json"));
        Scopes.run(() -> {
            try {
                Safetensors.write(
                        model.resolve(Model.WEIGHTS),
                        new TreeMap<>(
                                Map.of(
                                        "fine",
                                                Tensors.of(
                                                        new double[] {1e308, 1e308},
                                                        Type.DOUBLE,
                                                        2),
                                        "wrong",
                                                Tensors.of(
                                                        new double[] {0, Double.NEGATIVE_INFINITY},
                                                        Type.DOUBLE,
                                                        2))),
                        Map.of());
            } catch (IOException failure) {
                throw new java.io.UncheckedIOException(failure);
            }
        });
        assertThatThrownBy(() -> Conversion.write(ModelFiles.of(model), folder.resolve("out")))
                .isInstanceOf(UserError.class)
                .hasMessageContaining(
                        "weight wrong must hold finite numbers, got -Infinity at element 1 of [2]");
    }

    @ParameterizedTest
    @ValueSource(strings = {"default", "gpt-2", "smollm", "llama-bpe", "qwen2"})
    void aTokenizerOfAGgufFileIsTheOneItWasMadeFrom(String pre) {
        Gguf gguf = Gguf.open(GGUF.resolve("tokens-" + pre + ".gguf"));
        JsonNode tokenizer =
                new ObjectMapper().readTree(GgufTokenizer.of(gguf).orElseThrow().json());
        assertThat(tokenizer.path("model").path("ignore_merges").asBoolean())
                .isEqualTo(pre.equals("llama-bpe"));
        assertThat(tokenizer.path("added_tokens")).hasSize(3);
        assertThat(tokenizer.path("added_tokens").get(2).path("special").asBoolean()).isFalse();
    }

    /// Also with special tokens in the text, and with the one that Llama 3 puts before it.
    @ParameterizedTest
    @ValueSource(strings = {"default", "gpt-2", "smollm", "llama-bpe", "qwen2"})
    void itsTokensAreThoseOfTheOneItWasMadeFrom(String pre) {
        Gguf gguf = Gguf.open(GGUF.resolve("tokens-" + pre + ".gguf"));
        GgufTokenizer own = GgufTokenizer.of(gguf).orElseThrow();
        Tokenizer tokenizer = Tokenizers.ofJson(pre, own.json(), own.endOfText());
        for (JsonNode line : Golden.read("gguf/tokens-" + pre + ".json")) {
            String text = line.get("text").asString();
            assertThat(tokenizer.encoded(text, Tokenizer.Special.AS_TOKENS).ids())
                    .as(text)
                    .isEqualTo(
                            line.get("ids").valueStream().mapToInt(JsonNode::intValue).toArray());
        }
    }

    @Test
    void otherTokenizersAreRefusedByName() throws IOException {
        Path file =
                GgufBytes.of(0, 1).setting("tokenizer.ggml.model", "llama").data(32).write(folder);
        assertThatThrownBy(() -> GgufTokenizer.of(Gguf.open(file)))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("must be gpt2, the one kind that is read, got llama");
        Path other =
                GgufBytes.of(0, 2)
                        .setting("tokenizer.ggml.model", "gpt2")
                        .setting("tokenizer.ggml.pre", "tekken")
                        .data(32)
                        .write(folder);
        assertThatThrownBy(() -> GgufTokenizer.of(Gguf.open(other)))
                .isInstanceOf(UserError.class)
                .hasMessageContaining(
                        "tokenizer.ggml.pre of a GGUF file must be one of default, gpt-2, llama-bpe, qwen2, smollm, got tekken");
    }

    @Test
    void picklesAreRefusedWithTheLineThatConvertsThem() throws IOException {
        Files.writeString(folder.resolve("config.json"), "{}");
        Files.write(folder.resolve("pytorch_model.bin"), "x".getBytes(StandardCharsets.UTF_8));
        assertThatThrownBy(() -> ModelFiles.of(folder))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("M.from_pretrained('%s')".formatted(folder));
        Path state = Files.writeString(folder.resolve("state.pt"), "x");
        assertThatThrownBy(() -> ModelFiles.of(state))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("torch.load('%s', weights_only=True)".formatted(state));
    }
}
