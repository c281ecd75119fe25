package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.hub.Model;
import cleave.model.Activation;
import cleave.model.ModelSpec;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Golden;
import cleave.text.R50k;
import cleave.text.R50kFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class PredictTest {
    private static final Path PLAIN = Golden.FOLDER.resolve("gpt2/plain"); // 11 tokens, context 8

    @TempDir private Path temporary;
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(Object... arguments) {
        return Main.run(
                new PrintWriter(out),
                new PrintWriter(err),
                Arrays.stream(arguments).map(String::valueOf).toArray(String[]::new));
    }

    private JsonNode json(Object... arguments) {
        assertThat(run(arguments)).as(err.toString()).isZero();
        return JsonMapper.builder().build().readTree(out.toString());
    }

    @Test
    void theJsonHoldsTheReferencesLogits() {
        try (TensorMap reference = Safetensors.read(PLAIN.resolve("reference.safetensors"))) {
            long[] ids = Tensors.toLongs(reference.get("input_ids"));
            double[] logits = Tensors.toDoubles(reference.get("logits")); // [2, 8, 11]
            String first =
                    Arrays.stream(ids, 0, 5)
                            .mapToObj(String::valueOf)
                            .collect(Collectors.joining(","));
            JsonNode found =
                    json("predict", PLAIN, "--ids", first, "--json", "--logits", "--top", 3);

            assertThat(Golden.numbers(found.get("ids")))
                    .containsExactly(ids[0], ids[1], ids[2], ids[3], ids[4]);
            double[] expected = Arrays.copyOfRange(logits, 4 * 11, 5 * 11);
            assertThat(Golden.numbers(found.get("logits")))
                    .containsExactly(expected, Offset.offset(1e-4));
            assertThat(found.get("top")).hasSize(3);
            JsonNode best = found.get("top").get(0);
            assertThat(expected[best.get("id").asInt()])
                    .isEqualTo(Arrays.stream(expected).max().orElseThrow());
            double sum = Arrays.stream(expected).map(Math::exp).sum();
            assertThat(best.get("probability").asDouble())
                    .isCloseTo(
                            Math.exp(expected[best.get("id").asInt()]) / sum, Offset.offset(1e-5));
            assertThat(best.has("token")).isFalse();
            assertThat(found.get("parity").get("largest").asDouble()).isBetween(0.0, 1e-4);
            assertThat(found.has("generated")).isFalse();
        }
    }

    @Test
    void peopleSeeTheReceiptAndTheTop() {
        assertThat(run("predict", PLAIN, "--ids", "1,2,3", "--top", 2, "--generate", 2)).isZero();
        assertThat(out.toString())
                .contains("parity: logits differ from reference.safetensors by at most ")
                .contains("3 tokens: 1,2,3")
                .contains("goes on: [");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void anEditedModelIsWarnedOf() throws IOException {
        Path copy = temporary.resolve("copy");
        Files.createDirectory(copy);
        Files.copy(PLAIN.resolve("config.json"), copy.resolve("config.json"));
        Files.copy(PLAIN.resolve("model.safetensors"), copy.resolve("model.safetensors"));
        Files.copy(
                Golden.FOLDER.resolve("gpt2/plain/reference.safetensors"),
                copy.resolve("reference.safetensors"));
        byte[] bytes = Files.readAllBytes(copy.resolve("model.safetensors"));
        bytes[bytes.length - 1] ^= 0x40; // the sign and exponent of a position's code
        Files.write(copy.resolve("model.safetensors"), bytes);
        assertThat(run("predict", copy, "--ids", "1")).isZero();
        assertThat(err.toString()).contains("warning: parity", "hint: the reference is of other");
    }

    @Test
    void aPromptIsTextWhereThereIsATokenizer() throws IOException {
        Path model = small(50304);
        new R50kFiles().writeTwo(model);
        JsonNode found = json("predict", model, "Kobe Bryant", "--json", "--generate", 3);
        // "K", "obe", " Bryant"
        int[] expected = new R50k().encode("Kobe Bryant");
        assertThat(expected).hasSize(3);
        assertThat(Golden.wholeNumbers(found.get("ids")))
                .containsExactly(Arrays.stream(expected).asLongStream().toArray());
        assertThat(found.get("generated").get("ids")).hasSize(3);
        assertThat(found.get("top").get(0).has("logit")).isTrue();
    }

    @Test
    void drawsDependOnTheSeedAlone() {
        String first = generated(1);
        assertThat(generated(1)).isEqualTo(first);
        assertThat(generated(2) + generated(3)).isNotEqualTo(first + first);
    }

    private String generated(int seed) {
        out.getBuffer().setLength(0);
        return json(
                        "predict",
                        PLAIN,
                        "--ids",
                        "1",
                        "--json",
                        "--generate",
                        8,
                        "--temperature",
                        2,
                        "--top-p",
                        0.9,
                        "--seed",
                        seed)
                .get("generated")
                .toString();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "--ids=1,11,-2 | ids must be tokens from 0 to 10, got [11, -2]",
                "--ids=1,2,3,4,5,6,7,8,9 | prompt must be at most the model's context of 8 tokens, got 9",
                "--ids=1,2,3 --generate=7 | of 8 tokens, got 3 and 7 to generate",
                "text | model must have a tokenizer for a prompt, got none",
                "text --ids=1 | predict must have either a prompt or --ids, got both",
                "--top=3 | predict must have either a prompt or --ids, got neither",
                "--ids=1 --logits | --logits must come with --json",
                "--ids=1 --temperature=-1 | temperature must be >= 0, got -1.0",
                "--ids=1 --top-p=0 | top-p must be > 0 and <= 1, got 0.0",
                "--ids=x | Invalid value for option '--ids'"
            })
    void wrongInputIsNamed(String arguments, String message) {
        Object[] all = ("predict " + PLAIN + " " + arguments).split(" ", -1);
        assertThat(run(all)).isEqualTo(2);
        assertThat(err.toString()).contains(message);
        assertThat(out.toString()).isEmpty();
    }

    @Test
    void aTokenizerOfAnotherVocabularyIsRefused() throws IOException {
        Path model = small(40000);
        new R50kFiles().writeTwo(model);
        assertThat(run("predict", model, "text")).isEqualTo(2);
        assertThat(err.toString())
                .contains(
                        "tokenizer must have the model's 40000 tokens, or up to 127 fewer, got 50257");
        err.getBuffer().setLength(0);
        assertThat(run("predict", Path.of("models/tms-5-2"), "--ids", "1")).isEqualTo(2);
        assertThat(err.toString()).contains("model must be one of tokens, got one of features");
    }

    @Test
    void tokensNeedNoTokenizer() throws IOException {
        Path model = small(40000);
        Files.writeString(model.resolve("tokenizer.json"), "{");
        assertThat(run("predict", model, "--ids", "1,2")).as(err.toString()).isZero();
        assertThat(err.toString()).contains("warning: tokenizer must be", "must be JSON");
        assertThat(out.toString()).contains("2 tokens: 1,2");
    }

    @Test
    void weightsThatAreNoNumbersAreRefused() throws IOException {
        Path model = small(16);
        Scopes.run(() -> {
            try (TensorMap before = Safetensors.read(model.resolve("model.safetensors"))) {
                SortedMap<String, Tensor> weights = new TreeMap<>();
                before.names().forEach(name -> weights.put(name, before.get(name)));
                weights.put(
                        "transformer.ln_f.bias",
                        Tensors.of(new double[] {1, Double.NaN, 1, 1}, Type.FLOAT, 4));
                Safetensors.write(model.resolve("model.safetensors"), weights, Map.of());
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
        assertThat(run("predict", model, "--ids", "1")).isEqualTo(2);
        assertThat(err.toString()).contains("weight transformer.ln_f.bias must hold finite numbers, got NaN at element 1 of [4]");
    }

    @Test
    void otherModelsOfTokensPredictToo() {
        assertThat(
                        run(
                                "predict",
                                Path.of("models/induction-fixed-after"),
                                "--ids",
                                "0,5,129,7,129"))
                .as(err.toString())
                .isZero();
        assertThat(out.toString()).contains("5 tokens: 0,5,129,7,129");
    }

    private Path small(int vocabulary) {
        Path folder = temporary.resolve("small");
        ModelSpec.Gpt2 spec =
                new ModelSpec.Gpt2(vocabulary, 16, 4, 1, 1, 4, Activation.GELU_NEW, 1e-5, true);
        Scopes.run(() -> {
            try {
                Model.save(folder, spec, spec.initial(0), "# A card\n");
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
        return folder;
    }
}
