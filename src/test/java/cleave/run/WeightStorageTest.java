package cleave.run;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.hub.Model;
import cleave.hub.WeightStorage;
import cleave.model.Generation;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Golden;
import cleave.testing.TinyRun;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A model whose matrices stay in memory in bfloat16 beside one in float32 whose matrices were
/// rounded to bfloat16 before: the same numbers go in, so that the same come out to rounding.
class WeightStorageTest {
    private static final int[] IDS = {3, 1, 4, 1, 5, 9, 2, 6};

    @TempDir private Path temporary;

    private static Path family(String name) {
        return Golden.FOLDER.resolve("families").resolve(name);
    }

    /// A copy of a model with its matrices rounded, in float32.
    private Path rounded(String name) throws IOException {
        Path folder = Files.createDirectories(temporary.resolve("rounded"));
        Files.copy(family(name).resolve("config.json"), folder.resolve("config.json"));
        Scopes.run(() -> {
            try (TensorMap map = Safetensors.read(family(name).resolve(Model.WEIGHTS))) {
                SortedMap<String, Tensor> tensors = new TreeMap<>();
                map.names()
                        .forEach(each -> {
                            Tensor tensor = map.get(each);
                            tensors.put(
                                    each,
                                    tensor.ndimension() == 2
                                            ? tensor.to(Type.BFLOAT16).to(Type.FLOAT)
                                            : tensor);
                        });
                Safetensors.write(folder.resolve(Model.WEIGHTS), tensors, Map.of());
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
        return folder;
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "qwen2_old", "gpt_neox", "gpt_neo", "llama_simple_mlp"})
    void logitsAreThoseOfTheRoundedWeightsInHalfOfTheMemory(String name) throws IOException {
        try (Model narrow = Model.load(family(name), Type.FLOAT, WeightStorage.BFLOAT16);
                Model full = Model.load(rounded(name), Type.FLOAT)) {
            assertThat(narrow.target().type()).isEqualTo(Type.FLOAT);
            assertThat(Generation.logits(narrow.target(), IDS))
                    .containsExactly(Generation.logits(full.target(), IDS), Offset.offset(1e-5));
            narrow.target()
                    .weights()
                    .forEach((weight, tensor) ->
                            assertThat(Tensors.type(tensor))
                                    .as(weight)
                                    .isEqualTo(
                                            tensor.ndimension() == 2 ? Type.BFLOAT16 : Type.FLOAT));
        }
    }

    /// Narrow maps, wide ones and the head are decomposed; what is trained goes through others too.
    @Test
    void aRunIsThatOnTheRoundedWeights() throws IOException {
        String[] sites = {
            "--set",
            "sites=[{pattern: \"blocks.*.attn.[qo]\", subcomponents: 4}, {pattern: \"blocks.0.mlp.*\", subcomponents: 4}, {pattern: unembed, subcomponents: 4}]",
            "--set",
            "faithfulness.relative=true",
            "--set",
            "steps=10"
        };
        Path full = decomposed("full", sites, "target=" + rounded("llama"));
        Path narrow =
                decomposed(
                        "narrow",
                        sites,
                        "target=" + family("llama").toAbsolutePath(),
                        "machine.weights=bfloat16");
        try (TensorMap expected = Safetensors.read(TinyRun.decomposition(full));
                TensorMap found = Safetensors.read(TinyRun.decomposition(narrow))) {
            assertThat(found.names()).isEqualTo(expected.names());
            for (String name : expected.names()) {
                assertThat(Tensors.toDoubles(found.get(name)))
                        .as(name)
                        .containsExactly(
                                Tensors.toDoubles(expected.get(name)), Offset.offset(1e-5));
            }
        }
        String run = narrow.toString();
        assertThat(TinyRun.cleave("census", run).exitCode()).isZero();
        assertThat(TinyRun.cleave("harvest", run, "--tokens", "100").exitCode()).isZero();
        Path edited = temporary.resolve("edited");
        TinyRun.Result edit =
                TinyRun.cleave(
                        "edit", run, "--suppress", "blocks.0.attn.q:1", "--out", edited.toString());
        assertThat(edit.exitCode()).as(edit.err()).isZero();
        try (TensorMap weights = Safetensors.read(edited.resolve(Model.WEIGHTS));
                TensorMap before =
                        Safetensors.read(temporary.resolve("rounded/model.safetensors"))) {
            for (String name : before.names()) {
                Tensor same = weights.get(name);
                assertThat(Tensors.type(same)).isEqualTo(Type.FLOAT);
                assertThat(same.equal(before.get(name)))
                        .as(name)
                        .isEqualTo(!name.endsWith("layers.0.self_attn.q_proj.weight"));
            }
        }
    }

    private Path decomposed(String name, String[] sites, String... settings) throws IOException {
        TinyRun tiny = TinyRun.in(Files.createDirectories(temporary.resolve(name + "-tiny")));
        String[] options = new String[sites.length + 2 * settings.length];
        System.arraycopy(sites, 0, options, 0, sites.length);
        for (int i = 0; i < settings.length; i++) {
            options[sites.length + 2 * i] = "--set";
            options[sites.length + 2 * i + 1] = settings[i];
        }
        TinyRun.Result result = tiny.decompose(tiny.run(name), options);
        assertThat(result.exitCode()).as(result.err()).isZero();
        return tiny.run(name);
    }

    @Test
    void whereItCannotBeItIsRefused() throws IOException {
        TinyRun tiny = TinyRun.in(temporary);
        TinyRun.Result toy = tiny.decompose(tiny.run("run"), "--set", "machine.weights=bfloat16");
        assertThat(toy.exitCode()).isEqualTo(2);
        assertThat(toy.err())
                .contains(
                        "weights must be kept in full for a model with config.yaml, got bfloat16");
        TinyRun.Result both =
                tiny.decompose(
                        tiny.run("run"),
                        "--set",
                        "machine.weights=bfloat16",
                        "--set",
                        "machine.precision=float64");
        assertThat(both.exitCode()).isEqualTo(2);
        assertThat(both.err())
                .contains("machine.weights must be full with precision float64, got bfloat16");
    }
}
