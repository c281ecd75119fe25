package cleave.python;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.analysis.Ablations;
import cleave.analysis.Importances;
import cleave.analysis.SubcomponentId;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.mask.Masking;
import cleave.mask.WeightDelta;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Clean;
import cleave.run.LoadedRun;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.testing.TinyRun;
import cleave.testing.TinyRun.Result;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `python/cleave_runs.py` against Cleave itself. It needs a Python with PyTorch and transformers,
/// so it is made only where `CLEAVE_TORCH=1` asks for it; `CLEAVE_PYTHON` names that Python.
@EnabledIfEnvironmentVariable(named = "CLEAVE_TORCH", matches = "1")
class CleaveRunsTest {
    /// Both are float32; sums are made in other orders.
    private static final double TOLERANCE = 1e-4;

    private static final String PYTHON = System.getenv().getOrDefault("CLEAVE_PYTHON", "python3");
    private static final Path SHIPPED = Path.of("models/facts-gpt2-decomposed");
    private static final Pattern CELL = Pattern.compile("(?ms)^```python\n(.*?)^```$");

    private static final Path SMOLLM2 = Path.of("target/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf");

    private static final String TRAIN =
            """
            model: {kind: gpt2, vocabulary: 7, length: 6, width: 8, layers: 2, heads: 2, neurons: 16}
            data: {kind: jsonl, path: lines.jsonl, losses: all}
            steps: 200
            batch: 2
            curriculum: [{length: 6, until: 1.0}]
            learning_rate: 0.02
            workers: 1
            """;

    private static final String DECOMPOSE =
            """
            target: model
            steps: 1
            sites:
              - {pattern: "h.*.mlp.c_*", subcomponents: 4}
              - {pattern: "h.*.attn.c_attn.[qkv]", subcomponents: 3}
              - {pattern: "h.1.attn.c_proj", subcomponents: 5}
            importance: %s
            start: kaiming
            streams:
              - name: prompts
                length: 6
                batch: 2
                losses:
                  - {kind: reconstruction, coefficient: 1.0, masks: stochastic, routing: all, draws: 1}
            optimizer:
              learning_rate: 0.01
            machine: {workers: 1}
            """;

    @TempDir private Path folder;

    @Test
    void theShippedDecompositionIsTheSameInPython() throws IOException, InterruptedException {
        compare(SHIPPED, 12);
    }

    @Test
    void everyImportanceFunctionAndPartsOfAMatrixAreTheSameInPython()
            throws IOException, InterruptedException {
        Files.writeString(folder.resolve("train.yaml"), TRAIN);
        Files.writeString(
                folder.resolve("lines.jsonl"),
                "{\"text\": \"Kobe Bryant\", \"answer\": \" golf\"}\n{\"text\": \"Kobe a.\"}\n");
        ok("train", folder.resolve("train.yaml").toString(), "--out", folder + "/model");
        List<String> functions =
                List.of(
                        "{kind: sequence, hidden: 8, causal: true, positions: 6}",
                        "{kind: sequence, hidden: 3, head_width: 2, causal: false, positions: 6, own_activation: false}",
                        "{kind: vector_mlp, hidden: 4}",
                        "{kind: shared_mlp, hidden: 4}",
                        "{kind: mlp, hidden: 4}",
                        "{kind: mlp, hidden: 4, scaled: true}",
                        "{kind: global_mlp, hidden: [6, 5]}");
        for (int i = 0; i < functions.size(); i++) {
            Path config = folder.resolve("config-%d.yaml".formatted(i));
            Files.writeString(config, DECOMPOSE.replace("%s", functions.get(i)));
            Path run = folder.resolve("run-%d".formatted(i));
            ok("decompose", config.toString(), "--run", run.toString());
            compare(run, 6);
        }
    }

    /// All 210 matrices of a real model, whose folder `cleave model convert` makes for
    /// transformers. Logits are as large as 30, and in float32 the order of sums alone moves them
    /// by up to 2e-4 over 30 blocks, so both sides compute in float64.
    @Test
    void allMatricesOfSmolLm2AreTheSameInPython() throws IOException, InterruptedException {
        Assumptions.assumeTrue(
                Files.isRegularFile(SMOLLM2), "bench/fetch-smollm2 target/smollm2 gets the model");
        ok("model", "convert", SMOLLM2.toString(), folder.resolve("model").toString());
        Path config = folder.resolve("smollm2.yaml");
        Files.writeString(
                config,
                """
                target: model
                steps: 2
                sites: [{pattern: "layers.*.*.*_proj", subcomponents: 2}]
                importance: {kind: mlp, hidden: 3, scaled: true}
                streams:
                  - name: random
                    length: 4
                    batch: 1
                    losses: [{kind: reconstruction, coefficient: 1.0, masks: stochastic, routing: all}]
                optimizer: {learning_rate: 0.001}
                machine: {workers: 1, precision: float64}
                """);
        Path run = folder.resolve("run");
        ok("decompose", config.toString(), "--run", run.toString());
        try (LoadedRun loaded = LoadedRun.open(run)) {
            assertThat(loaded.decomposition().sites()).hasSize(210);
        }
        compare(run, 6);
    }

    /// The cells of `docs/python.md` one after the other, but for the last, which needs another
    /// library.
    @Test
    void thePagesCellsRun() throws IOException, InterruptedException {
        Path run = folder.resolve("run");
        try (Stream<Path> files = Files.walk(SHIPPED)) {
            for (Path file : files.toList()) {
                Files.copy(file, run.resolve(SHIPPED.relativize(file)));
            }
        }
        ok("harvest", run.toString(), "--tokens", "200");
        StringBuilder cells =
                new StringBuilder(
                        "import sys\nsys.path.insert(0, 'python')\nimport numpy\nactivation = numpy.ones((1, 3, 128), 'float32')\n");
        for (MatchResult cell :
                CELL.matcher(Files.readString(Path.of("docs/python.md"))).results().toList()) {
            if (!cell.group(1).contains("model.pth")) {
                cells.append(cell.group(1).replace(SHIPPED.toString(), run.toString()));
            }
        }
        assertThat(cells.toString()).contains("switched.only", "run.harvest()", "run.importances");
        Path script = Files.writeString(folder.resolve("cells.py"), cells);
        Path complaints = folder.resolve("complaints");
        Process python =
                new ProcessBuilder(PYTHON, script.toString())
                        .redirectError(complaints.toFile())
                        .start();
        assertThat(python.waitFor(5, TimeUnit.MINUTES)).isTrue();
        assertThat(python.exitValue()).as(Files.readString(complaints)).isZero();
    }

    private static void ok(String... arguments) {
        Result result = TinyRun.cleave(arguments);
        assertThat(result.exitCode()).as(result.err()).isZero();
    }

    private void compare(Path run, int length) throws IOException, InterruptedException {
        Path expected = folder.resolve("expected.safetensors");
        try (LoadedRun loaded = LoadedRun.open(run)) {
            Scopes.run(() -> Scopes.withoutGradient(() -> write(loaded, length, expected)));
        }
        Path said = folder.resolve("said");
        Process python =
                new ProcessBuilder(
                                PYTHON,
                                "src/test/golden/cleave_runs_check.py",
                                run.toString(),
                                expected.toString())
                        .redirectOutput(said.toFile())
                        .redirectError(folder.resolve("complaints").toFile())
                        .start();
        assertThat(python.waitFor(5, TimeUnit.MINUTES)).isTrue();
        assertThat(python.exitValue()).as(Files.readString(folder.resolve("complaints"))).isZero();
        JsonNode found = JsonMapper.shared().readTree(Files.readString(said));
        assertThat(found.get("changed").asDouble()).isGreaterThan(10 * TOLERANCE);
        for (Map.Entry<String, JsonNode> each : found.get("differences").properties()) {
            assertThat(each.getValue().asDouble()).as(each.getKey()).isLessThan(TOLERANCE);
        }
    }

    private static boolean write(LoadedRun loaded, int length, Path file) {
        Decomposition decomposition = loaded.decomposition();
        int rows = 3;
        long[] ids = new long[rows * length];
        long[] index = new long[rows * length];
        long tokens = decomposition.target().clean(one()).outputs().size(2);
        for (int i = 0; i < ids.length; i++) {
            ids[i] = (17L * i + 5) % tokens;
            index[i] = i % length;
        }
        Batch batch =
                new Batch(
                        "given",
                        0,
                        Tensors.of(ids, rows, length),
                        null,
                        new LossPositions(Tensors.of(index, rows, length), null));
        Clean clean = decomposition.target().clean(batch);
        List<Tensor> importances = Importances.asInTraining(decomposition, clean, batch);
        SubcomponentId off = strongest(decomposition);
        List<SubcomponentId> only = new ArrayList<>();
        SortedMap<String, Tensor> expected = new TreeMap<>();
        for (int i = 0; i < decomposition.sites().size(); i++) {
            DecomposedSite site = decomposition.sites().get(i);
            expected.put("importance." + site.name(), importances.get(i));
            List<Integer> living = living(decomposition, site);
            living.subList(0, living.size() / 2)
                    .forEach(c -> only.add(new SubcomponentId(site.name(), c)));
        }
        expected.put("ids", batch.inputs());
        expected.put("target", clean.outputs());
        expected.put(
                "without",
                Ablations.pass(
                                Ablations.without(decomposition, List.of(off)),
                                decomposition,
                                batch,
                                clean,
                                WeightDelta.ON)
                        .outputs());
        expected.put(
                "only",
                Ablations.pass(
                                Ablations.only(decomposition, only),
                                decomposition,
                                batch,
                                clean,
                                WeightDelta.NONE)
                        .outputs());
        expected.put(
                "masked",
                Ablations.pass(
                                new Masking.Given(List.copyOf(importances), _ -> false),
                                decomposition,
                                batch,
                                clean,
                                WeightDelta.NONE)
                        .outputs());
        expected.put("off", text(JsonMapper.shared().writeValueAsString(off.toString())));
        expected.put(
                "names",
                text(
                        JsonMapper.shared()
                                .writeValueAsString(
                                        only.stream().map(SubcomponentId::toString).toList())));
        try {
            Safetensors.write(file, expected, Map.of());
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
        return true;
    }

    private static Batch one() {
        return new Batch(
                "given", 0, Tensors.of(new long[] {0}, 1, 1), null, LossPositions.last(1, 1, null));
    }

    /// The subcomponent of the first site with the largest vectors, which is none that was merged.
    private static SubcomponentId strongest(Decomposition decomposition) {
        DecomposedSite site = decomposition.sites().getFirst();
        return new SubcomponentId(site.name(), living(decomposition, site).getFirst());
    }

    /// Merged subcomponents have vectors of length 0.
    private static List<Integer> living(Decomposition decomposition, DecomposedSite site) {
        double[] sizes =
                Tensors.toDoubles(decomposition.tensors().get(site.name() + ".U").abs().sum(1));
        List<Integer> living = new ArrayList<>();
        for (int c = 0; c < sizes.length; c++) {
            if (sizes[c] > 0) {
                living.add(c);
            }
        }
        return living;
    }

    private static Tensor text(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        long[] numbers = new long[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            numbers[i] = bytes[i];
        }
        return Tensors.of(numbers, numbers.length);
    }
}
