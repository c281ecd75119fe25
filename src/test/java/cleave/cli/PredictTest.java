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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
                "--loss=none.txt text | --loss must come without a prompt and --ids, got both",
                "--loss=none.txt --lens | --loss must come without --generate, --logits and --lens",
                "--loss=none.txt | model must have a tokenizer for --loss, got none",
                "--ids=1 --seed=3 | --temperature, --top-p and --seed must come with --generate, got them without",
                "--ids=1 --temperature=1 | --temperature, --top-p and --seed must come with --generate, got them without",
                "--ids=1 --generate=2 --seed=3 | --top-p and --seed must come with a --temperature above 0, got none",
                "--ids=1 --generate=2 --top-p=0.5 --temperature=0 | --top-p and --seed must come with a --temperature above 0, got 0.0",
                "--ids=1 --special | --special must come with a prompt, got none",
                "--ids=1 --logits | --logits must come with --json",
                "--ids=1 --generate=1 --temperature=-1 | temperature must be >= 0, got -1.0",
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
                .contains("tokenizer must have at most the model's 40000 tokens, got 50257");
        err.getBuffer().setLength(0);
        assertThat(run("predict", Path.of("models/tms-5-2"), "--ids", "1")).isEqualTo(2);
        assertThat(err.toString()).contains("model must be one of tokens, got one of features");
    }

    private static final Path FACTS = Path.of("models/facts-gpt2");
    private static final List<String> PROMPTS =
            List.of(
                    "Kobe Bryant plays the sport of",
                    "Tiger Woods",
                    "Tiger Woods plays the sport of golf",
                    "The capital of France is");

    /// Every number of `found` is that of `alone` to 1e-6 of the largest logit.
    private static void requireSame(JsonNode found, JsonNode alone) {
        assertThat(found.get("ids")).isEqualTo(alone.get("ids"));
        assertThat(found.get("generated")).isEqualTo(alone.get("generated"));
        assertThat(found.get("top").findValuesAsString("id"))
                .isEqualTo(alone.get("top").findValuesAsString("id"));
        for (int t = 0; t < alone.get("logits").size(); t++) {
            double[] expected = Golden.numbers(alone.get("logits").get(t));
            double largest = Arrays.stream(expected).map(Math::abs).max().orElseThrow();
            assertThat(Golden.numbers(found.get("logits").get(t)))
                    .containsExactly(expected, Offset.offset(1e-6 * largest));
        }
    }

    @Test
    void severalPromptsSayWhatEachSaysAlone() {
        String[] more = {"--json", "--logits", "all", "--top", "3", "--generate", "2"};
        List<Object> command = new ArrayList<>(List.of("predict", FACTS));
        command.addAll(PROMPTS);
        command.addAll(List.of(more));
        JsonNode together = json(command.toArray());
        assertThat(together.propertyNames()).containsExactly("prompts");
        assertThat(together.get("prompts")).hasSize(PROMPTS.size());
        for (int i = 0; i < PROMPTS.size(); i++) {
            out.getBuffer().setLength(0);
            List<Object> one = new ArrayList<>(List.of("predict", FACTS, PROMPTS.get(i)));
            one.addAll(List.of(more));
            requireSame(together.get("prompts").get(i), json(one.toArray()));
        }
    }

    @Test
    void peopleSeeEachPromptBeforeWhatIsSaid() {
        assertThat(run("predict", FACTS, PROMPTS.get(0), PROMPTS.get(1), "--top", 1)).isZero();
        assertThat(out.toString().lines())
                .hasSize(7)
                .startsWith(
                        "\"Kobe Bryant plays the sport of\"", "7 tokens: 12,374,564,359,42,381,54")
                .contains("", "\"Tiger Woods\"");
    }

    @Test
    void logitsOfEveryPositionAreTheReferences() {
        try (TensorMap reference = Safetensors.read(PLAIN.resolve("reference.safetensors"))) {
            long[] ids = Tensors.toLongs(reference.get("input_ids"));
            double[] logits = Tensors.toDoubles(reference.get("logits")); // [2, 8, 11]
            String first =
                    Arrays.stream(ids, 0, 8)
                            .mapToObj(String::valueOf)
                            .collect(Collectors.joining(","));
            JsonNode found = json("predict", PLAIN, "--json", "--logits", "all", "--ids", first);
            assertThat(found.get("logits")).hasSize(8);
            for (int t = 0; t < 8; t++) {
                assertThat(Golden.numbers(found.get("logits").get(t)))
                        .containsExactly(
                                Arrays.copyOfRange(logits, t * 11, (t + 1) * 11),
                                Offset.offset(1e-4));
            }
        }
    }

    @Test
    void aPromptAfterLogitsIsAPrompt() {
        JsonNode found = json("predict", FACTS, "--json", "--logits", "Tiger Woods");
        assertThat(found.get("ids")).hasSize(3);
        assertThat(found.get("logits")).hasSize(806);
    }

    /// Layer 0 by hand: a layer norm of embedding and position code, times the embeddings.
    @Test
    void theLensReadsTheStreamBetweenBlocks() {
        JsonNode found = json("predict", PLAIN, "--ids", "3,7", "--json", "--lens", "--top", 11);
        JsonNode layers = found.get("lens");
        JsonNode config =
                JsonMapper.builder().build().readTree(PLAIN.resolve("config.json").toFile());
        int width = config.get("n_embd").asInt();
        assertThat(layers).hasSize(config.get("n_layer").asInt() + 1);
        JsonNode last = layers.get(layers.size() - 1);
        for (int i = 0; i < 11; i++) {
            JsonNode whole = found.get("top").get(i);
            assertThat(last.get("top").get(i).get("id")).isEqualTo(whole.get("id"));
            assertThat(last.get("top").get(i).get("logit").asDouble())
                    .isCloseTo(whole.get("logit").asDouble(), Offset.offset(1e-5));
        }
        try (TensorMap weights = Safetensors.read(PLAIN.resolve("model.safetensors"))) {
            String prefix = weights.names().contains("wte.weight") ? "" : "transformer.";
            double[] wte = Tensors.toDoubles(weights.get(prefix + "wte.weight"));
            double[] wpe = Tensors.toDoubles(weights.get(prefix + "wpe.weight"));
            double[] scale = Tensors.toDoubles(weights.get(prefix + "ln_f.weight"));
            double[] bias = Tensors.toDoubles(weights.get(prefix + "ln_f.bias"));
            double[] x = new double[width];
            Arrays.setAll(x, i -> wte[7 * width + i] + wpe[width + i]);
            double mean = Arrays.stream(x).average().orElseThrow();
            double variance =
                    Arrays.stream(x)
                            .map(each -> (each - mean) * (each - mean))
                            .average()
                            .orElseThrow();
            double deviation = Math.sqrt(variance + config.get("layer_norm_epsilon").asDouble());
            for (JsonNode next : layers.get(0).get("top")) {
                int token = next.get("id").asInt();
                double logit = 0;
                for (int i = 0; i < width; i++) {
                    logit +=
                            ((x[i] - mean) / deviation * scale[i] + bias[i])
                                    * wte[token * width + i];
                }
                assertThat(next.get("logit").asDouble()).isCloseTo(logit, Offset.offset(1e-4));
            }
        }
        out.getBuffer().setLength(0);
        assertThat(run("predict", FACTS, PROMPTS.get(0), "--lens", "--top", 2)).isZero();
        assertThat(out.toString())
                .contains("after 0 blocks: ", "after 4 blocks: \" basketball\" 0.9");
    }

    /// A context of 16 and 40 tokens: three windows, each token predicted from those before it in
    /// its own.
    @Test
    void theLossOfATextIsTheMeanOverItsTokens() throws IOException {
        Path model = small(50257);
        new R50kFiles().writeTwo(model);
        String text = "one two three four five six seven eight nine ten\n".repeat(4).strip();
        Path file = Files.writeString(temporary.resolve("text.txt"), text);
        int[] tokens = new R50k().encode(text);
        assertThat(tokens).hasSizeBetween(33, 48);
        double sum = 0;
        for (int from = 0; from + 1 < tokens.length; from += 16) {
            String ids =
                    Arrays.stream(tokens, from, Math.min(from + 16, tokens.length - 1))
                            .mapToObj(String::valueOf)
                            .collect(Collectors.joining(","));
            out.getBuffer().setLength(0);
            JsonNode found = json("predict", model, "--ids", ids, "--json", "--logits", "all");
            for (int t = 0; t < found.get("logits").size(); t++) {
                double[] logits = Golden.numbers(found.get("logits").get(t));
                double all = Math.log(Arrays.stream(logits).map(Math::exp).sum());
                sum += all - logits[tokens[from + t + 1]];
            }
        }
        out.getBuffer().setLength(0);
        JsonNode loss = json("predict", model, "--loss", file, "--json").get("loss");
        assertThat(loss.get("tokens").asInt()).isEqualTo(tokens.length - 1);
        assertThat(loss.get("window").asInt()).isEqualTo(16);
        assertThat(loss.get("nats").asDouble())
                .isCloseTo(sum / (tokens.length - 1), Offset.offset(1e-5));
        out.getBuffer().setLength(0);
        assertThat(run("predict", model, "--loss", file)).isZero();
        assertThat(out.toString()).contains(" nats a token over ", "in windows of 16 (perplexity ");

        Files.writeString(file, "one");
        assertThat(run("predict", model, "--loss", file)).isEqualTo(2);
        assertThat(err.toString())
                .contains("text must have at least two tokens for a loss, got 1 (" + file);
        Files.write(file, new byte[] {(byte) 0xff});
        assertThat(run("predict", model, "--loss", file)).isEqualTo(2);
        assertThat(err.toString()).contains("--loss must be UTF-8 text, got other bytes");
    }

    @Test
    void oneOfSeveralPromptsThatDoesNotFitIsNamed() throws IOException {
        Path model = small(50257);
        new R50kFiles().writeTwo(model);
        assertThat(run("predict", model, "a", "a b".repeat(20))).isEqualTo(2);
        assertThat(err.toString())
                .contains("context of 16 tokens, got ")
                .contains("(prompt 2 of 2)");
        assertThat(run("predict", model, "", "a")).isEqualTo(2);
        assertThat(err.toString())
                .contains("prompt must have at least one token, got none (prompt 1 of 2)");
    }

    @Test
    void embeddingsMayBePaddedFarBeyondTheTokenizer() throws IOException {
        Path model = small(60000);
        new R50kFiles().writeTwo(model);
        assertThat(run("predict", model, "text", "--top", 1)).as(err.toString()).isZero();
        Path config = model.resolve("config.json");
        String before = Files.readString(config);
        Files.writeString(config, before.replaceFirst("\\{", "{\"eos_token_id\": [50256, 50300],"));
        assertThat(run("predict", model, "text")).isEqualTo(2);
        assertThat(err.toString())
                .contains(
                        "tokenizer must have every token that the model's configuration names, up to 50300, got 50257 tokens");
    }

    @Test
    void specialTokensAreTextUnlessAskedFor() throws IOException {
        Path model = small(50257);
        new R50kFiles().writeTwo(model);
        String prompt = "a<|endoftext|>";
        JsonNode text = json("predict", model, prompt, "--json");
        assertThat(Golden.wholeNumbers(text.get("ids")))
                .containsExactly(Arrays.stream(new R50k().encode(prompt)).asLongStream().toArray());
        assertThat(text.get("ids").size()).isGreaterThan(2);
        out.getBuffer().setLength(0);
        JsonNode tokens = json("predict", model, prompt, "--json", "--special");
        assertThat(Golden.wholeNumbers(tokens.get("ids"))).containsExactly(64, 50256);
        assertThat(tokens.has("added")).isFalse();
    }

    @Test
    void theTokenForTheBeginningIsShown() throws IOException {
        Path model = small(700);
        Files.copy(
                Golden.FOLDER.resolve("tokenizers/bytes-ignore-merges.json"),
                model.resolve("tokenizer.json"));
        JsonNode found = json("predict", model, "a", "--json");
        assertThat(Golden.wholeNumbers(found.get("added"))).containsExactly(1);
        assertThat(Golden.wholeNumbers(found.get("ids"))).startsWith(1).hasSize(2);
        out.getBuffer().setLength(0);
        assertThat(run("predict", model, "a")).isZero();
        assertThat(out.toString()).contains("(the tokenizer begins with \"<s>\")");
        out.getBuffer().setLength(0);
        // The beginning alone is a prompt.
        assertThat(Golden.wholeNumbers(json("predict", model, "", "--json").get("ids")))
                .containsExactly(1);
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
        assertThat(err.toString())
                .contains(
                        "weight transformer.ln_f.bias must hold finite numbers, got NaN at element 1 of [4]");
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
