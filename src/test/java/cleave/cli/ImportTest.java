package cleave.cli;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.run.LoadedRun;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// `cleave import` and `cleave export --goodfire`: there and back.
class ImportTest {
    @TempDir private static Path shared;
    private static TinyRun tiny;

    @TempDir private Path temporary;

    @BeforeAll
    static void decompose() throws IOException {
        tiny = TinyRun.in(shared);
        for (String kind : new String[] {"mlp", "vector_mlp", "shared_mlp"}) {
            ok(
                    tiny.decompose(
                            tiny.run(kind),
                            "--set",
                            "steps=3",
                            "--set",
                            "importance={kind: %s, hidden: 5}".formatted(kind)));
            ok(
                    TinyRun.cleave(
                            "export",
                            tiny.run(kind).toString(),
                            "--goodfire",
                            file(kind).toString()));
        }
    }

    private static Path file(String kind) {
        return shared.resolve(kind + ".safetensors");
    }

    private static Result ok(Result result) {
        assertThat(result.exitCode()).as(result.err()).isZero();
        return result;
    }

    private Result read(Path file, String... more) {
        String[] first = {
            "import",
            file.toString(),
            tiny.model().toString(),
            "--out",
            temporary.resolve("back").toString()
        };
        String[] all = Arrays.copyOf(first, first.length + more.length);
        System.arraycopy(more, 0, all, first.length, more.length);
        return TinyRun.cleave(all);
    }

    @ParameterizedTest
    @ValueSource(strings = {"mlp", "vector_mlp", "shared_mlp"})
    void thereAndBackEveryNumberIsTheSame(String kind) {
        Result result = ok(read(file(kind), "--steps", "3"));

        assertThat(result.out())
                .contains("8 subcomponents at 2 sites, importances by " + kind + " of 5");
        try (LoadedRun original = LoadedRun.open(tiny.run(kind));
                LoadedRun back = LoadedRun.open(temporary.resolve("back"))) {
            assertThat(back.decomposition().tensors().keySet())
                    .isEqualTo(original.decomposition().tensors().keySet());
            original.decomposition()
                    .tensors()
                    .forEach((name, tensor) ->
                            assertThat(
                                            Tensors.toFloats(
                                                    Tensors.named(
                                                            name, back.decomposition().tensors())))
                                    .as(name)
                                    .containsExactly(Tensors.toFloats(tensor)));
        }
        ok(
                TinyRun.cleave(
                        "export",
                        temporary.resolve("back").toString(),
                        "--goodfire",
                        temporary.resolve("again").toString()));
        assertThat(temporary.resolve("again")).hasSameBinaryContentAs(file(kind));
        ok(TinyRun.cleave("census", temporary.resolve("back").toString()));
    }

    /// Shapes of 4 subcomponents, 5 hidden units and sites of width 8 as goodfire's library has
    /// them.
    @Test
    void theTensorsHaveTheNamesAndShapesOfGoodfiresLibrary() {
        Map<String, String> shapes = new TreeMap<>();
        for (String kind : new String[] {"mlp", "vector_mlp", "shared_mlp"}) {
            Safetensors.header(file(kind))
                    .tensors()
                    .forEach((name, entry) -> {
                        if (name.contains("Q0")) {
                            shapes.put(kind + " " + name, entry.shape().toString());
                        }
                    });
        }
        assertThat(shapes)
                .containsEntry("mlp _components.Q0.V", "[8, 4]")
                .containsEntry("mlp _components.Q0.U", "[4, 8]")
                .containsEntry("mlp _ci_fns.Q0.layers.0.W", "[4, 1, 5]")
                .containsEntry("mlp _ci_fns.Q0.layers.0.b", "[4, 5]")
                .containsEntry("mlp _ci_fns.Q0.layers.2.W", "[4, 5, 1]")
                .containsEntry("mlp _ci_fns.Q0.layers.2.b", "[4, 1]")
                .containsEntry("vector_mlp _ci_fns.Q0.layers.0.W", "[4, 8, 5]")
                .containsEntry("vector_mlp _ci_fns.Q0.layers.0.b", "[4, 5]")
                .containsEntry("vector_mlp _ci_fns.Q0.layers.2.W", "[4, 5, 1]")
                .containsEntry("vector_mlp _ci_fns.Q0.layers.2.b", "[4, 1]")
                .containsEntry("shared_mlp _ci_fns.Q0.layers.0.W", "[8, 5]")
                .containsEntry("shared_mlp _ci_fns.Q0.layers.0.b", "[5]")
                .containsEntry("shared_mlp _ci_fns.Q0.layers.2.W", "[5, 4]")
                .containsEntry("shared_mlp _ci_fns.Q0.layers.2.b", "[4]")
                .hasSize(18);
    }

    @Test
    void whatStandsBeforeTheNamesAndOtherTensorsArePassedOver() {
        change(
                file("mlp"),
                tensors -> {
                    TreeMap<String, Tensor> other = new TreeMap<>();
                    tensors.forEach((name, tensor) ->
                            other.put(
                                    name.startsWith("_ci_fns") ? "ci_fn." + name : "model." + name,
                                    tensor));
                    other.put("target_model.W", Tensor.create(1.0f, 2.0f));
                    tensors.clear();
                    tensors.putAll(other);
                });

        assertThat(ok(read(temporary.resolve("changed"))).out()).contains("2 sites");
    }

    @Test
    void aFileThatDoesNotFitIsRefusedByNameAndLeavesNothing() {
        assertRefused(
                tensors -> {
                    tensors.put(
                            "_components.embed-tokens.U",
                            Tensors.named("_components.Q0.U", tensors));
                    tensors.put(
                            "_components.embed-tokens.V",
                            Tensors.named("_components.Q0.V", tensors));
                },
                "sites of the decomposition must be sites of the model, got embed.tokens");
        assertRefused(
                tensors -> tensors.keySet().removeIf(name -> name.startsWith("_ci_fns.V1")),
                "importance functions of the decomposition must be an MLP with one hidden layer",
                "got none at V1");
        assertRefused(
                tensors -> tensors.put("_components.V1.V", Tensor.create(new float[4], 2, 2)),
                "V and U of site V1 must be [8, C] and [C, 8] for this model, got [2, 2]");
        assertRefused(tensors -> tensors.remove("_components.V1.U"), "V and U of site V1 must be");
        assertRefused(
                tensors -> tensors.keySet().removeIf(name -> name.contains("_components")),
                "must have tensors _components.SITE.U and .V, got none",
                "hint: convert");
    }

    @Test
    void anImportanceFunctionThatTheyHaveNotIsRefused() {
        ok(tiny.decompose(tiny.run("sequence"), "--set", "steps=1"));

        Result result =
                TinyRun.cleave(
                        "export",
                        tiny.run("sequence").toString(),
                        "--goodfire",
                        temporary.resolve("file").toString());

        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err()).contains("must be mlp, vector_mlp or shared_mlp");
        assertThat(temporary.resolve("file")).doesNotExist();
    }

    /// Their formulas, written again in numpy, on the file; ours, in numpy, on the run.
    @Test
    @EnabledIfEnvironmentVariable(named = "CLEAVE_TORCH", matches = "1")
    void theirFormulasGiveTheSameImportances() throws IOException, InterruptedException {
        for (String kind : new String[] {"mlp", "vector_mlp", "shared_mlp"}) {
            Process python =
                    new ProcessBuilder(
                                    System.getenv().getOrDefault("CLEAVE_PYTHON", "python3"),
                                    "src/test/golden/goodfire_check.py",
                                    tiny.run(kind).toString(),
                                    file(kind).toString())
                            .redirectErrorStream(true)
                            .redirectOutput(temporary.resolve("said").toFile())
                            .start();
            assertThat(python.waitFor(5, TimeUnit.MINUTES)).isTrue();
            String said = Files.readString(temporary.resolve("said"));
            assertThat(python.exitValue()).as(said).isZero();
            assertThat(Double.parseDouble(said.strip())).as(kind).isLessThan(1e-5);
        }
    }

    private void assertRefused(Consumer<SortedMap<String, Tensor>> change, String... messages) {
        change(file("mlp"), change);
        Result result = read(temporary.resolve("changed"));
        assertThat(result.exitCode()).isEqualTo(2);
        assertThat(result.err()).contains(messages);
        assertThat(temporary.resolve("back")).doesNotExist();
    }

    private void change(Path file, Consumer<SortedMap<String, Tensor>> change) {
        Scopes.run(() -> {
            try (TensorMap map = Safetensors.read(file)) {
                SortedMap<String, Tensor> tensors = new TreeMap<>();
                map.names().forEach(name -> tensors.put(name, map.get(name)));
                change.accept(tensors);
                Safetensors.write(temporary.resolve("changed"), tensors, Map.of());
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
    }
}
