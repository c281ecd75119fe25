package cleave.hub;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Clean;
import cleave.model.Gpt2;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Differences;
import cleave.testing.Golden;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Compares GPT-2 with numbers that `src/test/golden/gpt2.py` computed in numpy, for five shapes,
/// each in another of the forms that model directories have.
class Gpt2ParityTest {
    private static final String HINT =
            "the reference is written by: python3 src/test/golden/gpt2.py";

    static Path folder(String name) {
        return Golden.FOLDER.resolve("gpt2").resolve(name);
    }

    @ParameterizedTest
    @CsvSource({
        "plain, FLOAT", "prefixed, FLOAT", "untied, FLOAT", "half, FLOAT", "sharded, FLOAT",
        "plain, DOUBLE", "prefixed, DOUBLE", "untied, DOUBLE", "half, DOUBLE", "sharded, DOUBLE"
    })
    void logitsHiddenStatesAndAttentionAreTheReferences(String name, String precision) {
        boolean wide = precision.equals("DOUBLE");
        Differences differences =
                new Differences(name + " in " + precision, wide ? 1e-12 : 1e-4, HINT);
        try (Model model = Model.load(folder(name), wide ? Type.DOUBLE : Type.FLOAT);
                TensorMap reference = Safetensors.read(folder(name).resolve(Parity.FILE))) {
            Scopes.run(() -> {
                Gpt2 target = (Gpt2) model.target();
                Tensor ids = reference.get("input_ids");
                Batch batch = everywhere(ids);
                Clean clean = target.clean(batch);
                double[] logits = Tensors.toDoubles(reference.get("logits"));
                differences.check("logits", clean.outputs(), logits);
                differences.check(
                        "logits of a forward pass",
                        target.forward(batch, Map.of(), null).outputs(),
                        logits);
                for (int layer = 0; layer < target.shape().layers(); layer++) {
                    differences.check(
                            "hidden states " + layer,
                            clean.blockInputs().get(layer),
                            Tensors.toDoubles(reference.get("hidden_states." + layer)));
                    Tensor patterns = reference.get("attention." + layer); // [N, H, T, T]
                    for (int head = 0; head < target.shape().heads(); head++) {
                        differences.check(
                                "attention %d of head %d".formatted(layer, head),
                                clean.attention().get(layer * target.shape().heads() + head),
                                Tensors.toDoubles(patterns.select(1, head)));
                    }
                }
            });
        }
        differences.report();
    }

    @ParameterizedTest
    @ValueSource(strings = {"plain", "prefixed", "untied", "half", "sharded"})
    void theReceiptSaysSo(String name) {
        try (Model model = Model.load(folder(name), Type.FLOAT)) {
            Parity parity =
                    Parity.of(folder(name), model.target(), model.spec().tokens()).orElseThrow();
            System.out.println(name + " " + parity.line());
            assertThat(parity.holds()).isTrue();
            assertThat(parity.largest()).isBetween(parity.mean(), 1e-4);
            assertThat(parity.positions()).isEqualTo(2L * model.spec().length());
        }
    }

    @Test
    void aSavedModelIsTheSameWhenReadAgain(@TempDir Path temporary) throws Exception {
        for (String name : new String[] {"untied", "sharded"}) {
            Path saved = temporary.resolve(name);
            try (Model model = Model.load(folder(name), Type.FLOAT)) {
                Model.save(saved, model.spec(), model.target().weights(), "# A card\n");
                Files.copy(folder(name).resolve(Parity.FILE), saved.resolve(Parity.FILE));
                try (Model again = Model.load(saved, Type.FLOAT)) {
                    assertThat(again.spec()).isEqualTo(model.spec());
                    assertThat(numbers(again)).isEqualTo(numbers(model));
                    assertThat(
                                    Parity.of(saved, again.target(), again.spec().tokens())
                                            .orElseThrow()
                                            .holds())
                            .isTrue();
                }
            }
        }
        assertThat(Files.readString(temporary.resolve("untied/config.json")))
                .contains("\"model_type\" : \"gpt2\"", "\"activation_function\" : \"gelu\"");
    }

    @Test
    void aCopyHasTheSameDigest(@TempDir Path temporary) throws Exception {
        for (String name : new String[] {"plain", "sharded"}) {
            Path copy = temporary.resolve(name);
            Model.copy(folder(name), copy);
            assertThat(Model.sha256(copy)).isEqualTo(Model.sha256(folder(name)));
            Model.load(copy, Type.FLOAT).close();
        }
        assertThat(Model.sha256(temporary.resolve("plain")))
                .isEqualTo(Sha256.of(folder("plain").resolve("model.safetensors")));
        Path shard = temporary.resolve("sharded/model-00002-of-00003.safetensors");
        byte[] bytes = Files.readAllBytes(shard);
        bytes[bytes.length - 1] ^= 1;
        Files.write(shard, bytes);
        assertThat(Model.sha256(temporary.resolve("sharded")))
                .isNotEqualTo(Model.sha256(folder("sharded")));
    }

    private static SortedMap<String, java.util.List<Double>> numbers(Model model) {
        SortedMap<String, java.util.List<Double>> numbers = new TreeMap<>();
        model.target()
                .weights()
                .forEach((name, weight) ->
                        numbers.put(
                                name,
                                java.util.Arrays.stream(Tensors.toDoubles(weight))
                                        .boxed()
                                        .toList()));
        return numbers;
    }

    private static Batch everywhere(Tensor ids) {
        long length = ids.size(1);
        long[] positions = LongStream.range(0, ids.numel()).map(at -> at % length).toArray();
        return new Batch(
                "reference",
                0,
                ids,
                null,
                new LossPositions(Tensors.of(positions, ids.size(0), length), null));
    }
}
