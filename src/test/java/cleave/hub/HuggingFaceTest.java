package cleave.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cleave.config.UserError;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HuggingFaceTest {
    @TempDir private Path folder;

    @Test
    void anotherArchitectureIsNamed() throws IOException {
        copy("plain");
        edit("config.json", text -> text.replace("\"gpt2\"", "\"gtp2\""));
        refused("model_type must be one of gpt2, ", "got \"gtp2\"", "hint: did you mean gpt2?");
        edit("config.json", text -> text.replace("model_type", "kind"));
        refused("model_type must be one of gpt2, ", "got nothing");
    }

    @Test
    void everyProblemOfAConfigurationIsNamed() throws IOException {
        copy("plain");
        edit(
                "config.json",
                text ->
                        text.replace("\"vocab_size\": 11", "\"vocab_size\": -1")
                                .replace("\"n_layer\"", "\"layers\"")
                                .replace("gelu_new", "silu")
                                .replace(
                                        "\"n_inner\": null",
                                        "\"scale_attn_weights\": false, \"n_inner\": \"many\""));
        refused(
                "5 problems",
                "vocab_size must be a whole number >= 1, got -1",
                "n_layer must be a whole number >= 1, got nothing",
                "n_inner must be a whole number >= 1, got \"many\"",
                "activation_function must be one of",
                "scale_attn_weights must be true");
    }

    @Test
    void brokenJsonIsNamed() throws IOException {
        copy("plain");
        Files.writeString(folder.resolve("config.json"), "{");
        refused("model's configuration must be JSON");
    }

    @Test
    void aConfigurationThatDoesNotFitTheWeightsNamesTheTensors() throws IOException {
        copy("plain");
        edit("config.json", text -> text.replace("\"vocab_size\": 11", "\"vocab_size\": 12"));
        refused(
                "1 problem ",
                "tensor wte.weight must have the shape [12, 8] of the configuration, got [11, 8]");
    }

    /// Two embeddings, three norms of two tensors, four maps of two: 16, and 10 are listed.
    @Test
    void ofManyTensorsThatDoNotFitTheFirstAreNamed() throws IOException {
        copy("plain");
        edit("config.json", text -> text.replace("\"n_embd\": 8", "\"n_embd\": 16"));
        refused(
                "16 problems (",
                "tensor h.0.attn.c_attn.bias must have the shape [48] of the configuration, got [24]",
                "and 6 more");
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 100_000_000}) // of one
    void aConfigurationOfMoreBlocksThanTheWeightsIsRefusedByThatAlone(int layers)
            throws IOException {
        copy("plain");
        edit("config.json", text -> text.replace("\"n_layer\": 1", "\"n_layer\": " + layers));
        refused(
                "weights must have the configuration's n_layer of %d blocks, got 1"
                        .formatted(layers));
    }

    @Test
    void missingExtraAndWrongTensorsAreNamedTogether() throws IOException {
        copy("plain");
        change(tensors -> {
            tensors.remove("ln_f.bias");
            tensors.put("h.0.attn.c_atn.weight", Tensors.zeros(Type.FLOAT, 2));
            tensors.put("wpe.weight", Tensors.of(new long[64], 8, 8));
            return tensors;
        });
        refused(
                "3 problems",
                "tensor ln_f.bias [8] is missing",
                "tensor h.0.attn.c_atn.weight is none of a GPT-2 of this configuration, the nearest is h.0.attn.c_attn.weight",
                "tensor wpe.weight must be F16, BF16, F32 or F64, got I64");
    }

    @Test
    void aTensorWithAndWithoutThePrefixIsRefused() throws IOException {
        copy("plain");
        change(tensors -> {
            tensors.put("transformer.ln_f.bias", Tensors.zeros(Type.FLOAT, 8));
            return tensors;
        });
        refused("tensor ln_f.bias must be there once");
    }

    @Test
    void aHeadOfItsOwnInATiedModelIsRefused() throws IOException {
        copy("plain");
        change(tensors -> {
            tensors.put("lm_head.weight", Tensors.zeros(Type.FLOAT, 11, 8));
            return tensors;
        });
        refused("lm_head.weight must equal wte.weight when tie_word_embeddings is true");
        edit(
                "config.json",
                text ->
                        text.replace(
                                "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false"));
        Model.load(folder, Type.FLOAT).close();
    }

    @Test
    void aMissingHeadOfAnUntiedModelIsNamed() throws IOException {
        copy("plain");
        edit(
                "config.json",
                text ->
                        text.replace(
                                "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false"));
        refused("tensor lm_head.weight [11, 8] is missing");
    }

    @Test
    void truncatedAndMissingShardsAreNamedTogether() throws IOException {
        copy("sharded");
        Path first = folder.resolve("model-00001-of-00003.safetensors");
        byte[] bytes = Files.readAllBytes(first);
        Files.write(first, Arrays.copyOf(bytes, bytes.length - 100));
        Files.delete(folder.resolve("model-00003-of-00003.safetensors"));
        refused(
                "2 problems",
                "model-00001-of-00003.safetensors",
                "data bytes",
                "model-00003-of-00003.safetensors");
    }

    @Test
    void anIndexThatDoesNotFitItsShardsIsNamed() throws IOException {
        copy("sharded");
        edit(
                WeightFiles.INDEX,
                text ->
                        text.replace(
                                "\"ln_f.bias\": \"model-00003", "\"ln_f.bias\": \"model-00001"));
        refused("tensor ln_f.bias must be where model.safetensors.index.json says");
        edit(WeightFiles.INDEX, text -> text.replace("model-00001-of-00003.safe", "../other.safe"));
        refused("index of weights must map tensors to safetensors files of its folder");
        edit(WeightFiles.INDEX, _ -> "{}");
        refused("got no weight_map");
    }

    @Test
    void aFolderWithoutAModelIsNamed() throws IOException {
        refused(
                "target model must be a folder with config.yaml, or config.json, and model.safetensors");
        copy("plain");
        Files.move(folder.resolve("model.safetensors"), folder.resolve("pytorch_model.bin"));
        refused("hint: pytorch_model.bin is not read; save it again as safetensors");
    }

    @Test
    void aReferenceOfAnotherModelIsRefused() throws IOException {
        copy("plain");
        Files.copy(Gpt2ParityTest.folder("half").resolve(Parity.FILE), folder.resolve(Parity.FILE));
        try (Model model = Model.load(folder, Type.FLOAT)) {
            assertThatExceptionOfType(UserError.class)
                    .isThrownBy(() -> Parity.of(folder, model.target(), 11))
                    .withMessageContaining("reference must hold input_ids");
        }
    }

    @Test
    void otherWeightsShowInTheReceipt() throws IOException {
        copy("plain");
        Files.copy(
                Gpt2ParityTest.folder("plain").resolve(Parity.FILE), folder.resolve(Parity.FILE));
        change(tensors -> {
            tensors.computeIfPresent("ln_f.bias", (_, bias) -> bias.add(0.01));
            return tensors;
        });
        try (Model model = Model.load(folder, Type.FLOAT)) {
            assertThat(Parity.of(folder, model.target(), 11).orElseThrow().holds()).isFalse();
        }
    }

    private void refused(String... parts) {
        assertThatThrownBy(() -> Model.load(folder, Type.FLOAT).close())
                .isInstanceOf(UserError.class)
                .message()
                .contains(parts);
    }

    private void copy(String name) throws IOException {
        Model.copy(Gpt2ParityTest.folder(name), folder);
    }

    private void edit(String file, UnaryOperator<String> change) throws IOException {
        Path path = folder.resolve(file);
        String before = Files.readString(path);
        String after = change.apply(before);
        assertThat(after).isNotEqualTo(before);
        Files.writeString(path, after);
    }

    private void change(UnaryOperator<SortedMap<String, Tensor>> change) throws IOException {
        Path file = folder.resolve("model.safetensors");
        Scopes.run(() -> {
            try (TensorMap map = Safetensors.read(file)) {
                SortedMap<String, Tensor> tensors = new TreeMap<>();
                map.names().forEach(name -> tensors.put(name, map.get(name)));
                Safetensors.write(file, change.apply(tensors), Map.of());
            } catch (IOException failure) {
                throw new java.io.UncheckedIOException(failure);
            }
        });
    }
}
