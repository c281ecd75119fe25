package cleave.run;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.config.AtLeast;
import cleave.config.OwnKinds;
import cleave.hub.Model;
import cleave.model.Activation;
import cleave.model.Block;
import cleave.model.Family;
import cleave.model.Heads;
import cleave.model.LanguageModel;
import cleave.model.Layout;
import cleave.model.Mlp;
import cleave.model.ModelConfig;
import cleave.model.ModelSpec;
import cleave.model.Norm;
import cleave.model.PositionCode;
import cleave.model.Projection;
import cleave.model.Projections;
import cleave.model.Rotary;
import cleave.model.SelfAttention;
import cleave.model.SparseFeatures;
import cleave.model.Target;
import cleave.model.Task;
import cleave.tensor.Draws;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.LinearTarget;
import cleave.testing.TinyRun;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Models of a user's own, known to Cleave by two lines in `META-INF/services` alone: a toy with a
/// target of its own, and a family of language models made of parts.
class OwnModelsTest {
    @TempDir private Path temporary;

    /// What `META-INF/services` names.
    public static final class Kinds implements OwnKinds {
        @Override
        public List<Class<? extends Record>> kinds() {
            return List.of(Chain.class, Squared.class);
        }
    }

    /// Linear maps one after the other, on sparse features.
    record Chain(@AtLeast(1) int width, @AtLeast(1) int maps) implements ModelSpec {
        @Override
        public Target over(SortedMap<String, Tensor> weights, Runnable onClose) {
            LinearTarget linear = LinearTarget.of(weights.values().toArray(Tensor[]::new));
            return new Owned(linear, onClose);
        }

        @Override
        public SortedMap<String, Tensor> initial(long seed) {
            SortedMap<String, Tensor> weights = new TreeMap<>();
            for (int map = 1; map <= maps; map++) {
                weights.put(
                        "linear" + map,
                        Draws.key(seed, Draws.Purpose.INITIALISATION)
                                .with(map)
                                .normal(0.5, Type.FLOAT, width, width));
            }
            return weights;
        }

        @Override
        public Task task(String stream, int length) {
            return new SparseFeatures(stream, width, 0, 0.3, SparseFeatures.Answer.SIZE);
        }

        @Override
        public int length() {
            return 1;
        }
    }

    /// A language model whose neurons are the squares of positive parts.
    record Squared(@AtLeast(1) int vocabulary, @AtLeast(2) int width, @AtLeast(1) int layers)
            implements LanguageModel.OfParts {
        @Override
        public Layout layout() {
            Layout layout = new Layout("a squared model", "model.", 16);
            layout.embedding("embed", vocabulary, width);
            for (int layer = 0; layer < layers; layer++) {
                layout.add(block("layers.%d.".formatted(layer), layout));
            }
            layout.last(layout.rmsNorm("norm", width, 1e-6));
            layout.head("lm_head", vocabulary, width, false, true);
            return layout;
        }

        private Block block(String name, Layout layout) {
            Norm norm = layout.rmsNorm(name + "norm", width, 1e-6);
            Projection q = layout.map(name + "q", "attn.q", width, width, false);
            Projection k = layout.map(name + "k", "attn.k", width, width / 2, false);
            Projection v = layout.map(name + "v", "attn.v", width, width / 2, false);
            Projection o = layout.map(name + "o", "attn.o", width, width, false);
            Projection in = layout.map(name + "in", "mlp.in", width, 3L * width, true);
            Projection out = layout.map(name + "out", "mlp.out", 3L * width, width, true);
            Rotary rotary = new Rotary(100, Optional.empty());
            SelfAttention attention =
                    new SelfAttention(
                            new Projections.Split(q, k, v),
                            PositionCode.rotary(rotary, width / 2, 2),
                            Heads.of(2, 1),
                            Optional.of(o));
            Mlp mlp =
                    (pass, x) -> {
                        Tensor neurons = in.of(pass, x, pass.queries()).relu().square();
                        return out.of(pass, neurons, pass.queries());
                    };
            return new Block(norm, attention, Optional.of(new Block.Second(Norm.NONE, mlp)));
        }

        @Override
        public int tokens() {
            return vocabulary;
        }

        @Override
        public Family family() {
            return new SquaredFamily();
        }

        @Override
        public SequencedMap<String, Object> configuration() {
            SequencedMap<String, Object> config = new LinkedHashMap<>();
            config.put("model_type", "squared_lm");
            config.put("vocab_size", vocabulary);
            config.put("hidden_size", width);
            config.put("num_hidden_layers", layers);
            return config;
        }
    }

    /// How it is read.
    public static final class SquaredFamily implements Family {
        @Override
        public List<String> modelTypes() {
            return List.of("squared_lm");
        }

        @Override
        public LanguageModel read(ModelConfig config) {
            return new Squared(
                    config.size("vocab_size"),
                    config.size("hidden_size"),
                    config.size("num_hidden_layers"));
        }
    }

    /// A target that gives its weights back when it is closed.
    private record Owned(LinearTarget linear, Runnable onClose) implements Target {
        @Override
        public List<cleave.model.Site> sites() {
            return linear.sites();
        }

        @Override
        public SortedMap<String, Tensor> weights() {
            return linear.weights();
        }

        @Override
        public Outputs outputs() {
            return linear.outputs();
        }

        @Override
        public int maximumLength() {
            return linear.maximumLength();
        }

        @Override
        public cleave.model.Clean clean(cleave.model.Batch batch) {
            return linear.clean(batch);
        }

        @Override
        public Forward forward(
                cleave.model.Batch batch,
                Map<String, cleave.model.Replacement> replaced,
                cleave.model.@org.jspecify.annotations.Nullable Clean from) {
            return linear.forward(batch, replaced, from);
        }

        @Override
        public void close() {
            onClose.run();
        }
    }

    /// What the page on models shows are the lines of this file.
    @Test
    void theFamilyOfThePageIsTheOneHere() throws IOException {
        String here =
                stripped(Files.readString(Path.of("src/test/java/cleave/run/OwnModelsTest.java")));
        List<String> blocks =
                Pattern.compile("(?s)```java\n(.*?)```")
                        .matcher(Files.readString(Path.of("docs/models.md")))
                        .results()
                        .map(match -> stripped(match.group(1)))
                        .toList();
        assertThat(blocks).hasSize(2).allSatisfy(block -> assertThat(here).contains(block));
    }

    private static String stripped(String code) {
        return code.lines()
                .map(String::strip)
                .filter(line -> !line.isEmpty())
                .collect(Collectors.joining("\n"));
    }

    @Test
    void aToyOfOnesOwnIsDecomposedStoppedAndResumed() throws IOException {
        TinyRun tiny = with(new Chain(8, 2));
        decomposed(tiny, "linear*", "1");
    }

    @Test
    void aFamilyOfOnesOwnIsDecomposedStoppedResumedAndReported() throws IOException {
        TinyRun tiny = with(new Squared(10, 8, 2));
        assertThat(Files.readString(tiny.model().resolve("config.json"))).contains("squared_lm");
        decomposed(tiny, "blocks.*.attn.[qo]", "12");
        reported(tiny, "census", "report");
        TinyRun.Result predicted =
                TinyRun.cleave("predict", tiny.model().toString(), "--ids", "1,2,3");
        assertThat(predicted.err()).isEmpty();
        assertThat(predicted.exitCode()).isZero();
        Path edited = temporary.resolve("edited");
        TinyRun.Result edit =
                TinyRun.cleave(
                        "edit",
                        tiny.run("whole").toString(),
                        "--suppress",
                        "blocks.1.attn.q:2,model.layers.0.o:1",
                        "--out",
                        edited.toString());
        assertThat(edit.exitCode()).as(edit.err()).isZero();
        try (Model model = Model.load(edited, Type.FLOAT)) {
            assertThat(model.spec()).isEqualTo(new Squared(10, 8, 2));
        }
    }

    /// Rows of the embedding are taken apart as matrices are, and every command reads them.
    @Test
    void aTokenEmbeddingIsStoppedResumedAskedAndEdited() throws IOException {
        TinyRun tiny =
                with(new ModelSpec.Gpt2(10, 12, 8, 1, 2, 16, Activation.GELU_NEW, 1e-5, false));
        decomposed(tiny, "{embed,blocks.0.attn.v}", "12");
        reported(tiny, "census", "report");
        String run = tiny.run("whole").toString();
        TinyRun.Result harvest = TinyRun.cleave("harvest", run, "--tokens", "100");
        assertThat(harvest.exitCode()).as(harvest.err()).isZero();
        for (String masks : List.of("importance", "ones")) {
            TinyRun.Result asked =
                    TinyRun.cleave("attribute", run, "--prompt", "3 1 4", "--masks", masks);
            assertThat(asked.exitCode()).as(asked.err()).isZero();
            assertThat(asked.out()).contains("after the prompt: probability ");
        }
        TinyRun.Result edit =
                TinyRun.cleave(
                        "edit",
                        run,
                        "--suppress",
                        "wte:1",
                        "--out",
                        temporary.resolve("edited").toString(),
                        "--json");
        assertThat(edit.exitCode()).as(edit.err()).isZero();
        JsonNode receipt = JsonMapper.shared().readTree(edit.out());
        assertThat(receipt.path("kl").asDouble()).isPositive();
        assertThat(receipt.path("masked_to_edited").asDouble()).isLessThan(1e-5);
        assertThat(receipt.path("exported_to_edited").asDouble()).isLessThan(1e-6);
    }

    /// The matrix is the one's and the other's, so that the edit would change both.
    @ParameterizedTest
    @CsvSource({"unembed, lm_head, token embedding", "embed, wte, head"})
    void whereEmbeddingAndHeadAreOneEachIsDecomposedButNotEdited(
            String pattern, String site, String other) throws IOException {
        TinyRun tiny =
                with(new ModelSpec.Gpt2(10, 12, 8, 1, 2, 16, Activation.GELU_NEW, 1e-5, true));
        decomposed(tiny, pattern, "12");
        TinyRun.Result edit =
                TinyRun.cleave(
                        "edit",
                        tiny.run("whole").toString(),
                        "--suppress",
                        site + ":1",
                        "--out",
                        temporary.resolve("edited").toString());
        assertThat(edit.exitCode()).isEqualTo(2);
        assertThat(edit.err())
                .contains(
                        "site %s must have a matrix of its own to be edited, got wte.weight, which is the %s as well"
                                .formatted(site, other));
    }

    @Test
    void anOwnFamilyIsTrained() throws IOException {
        Path config = temporary.resolve("train.yaml");
        Files.writeString(
                config,
                """
                model: {kind: squared, vocabulary: 10, width: 8, layers: 1}
                steps: 2
                batch: 4
                curriculum: [{length: 6, until: 1}]
                learning_rate: 0.01
                evaluation_sequences: 10
                """);
        Path out = temporary.resolve("trained");
        TinyRun.Result result = TinyRun.cleave("train", config.toString(), "--out", out.toString());
        assertThat(result.exitCode()).as(result.err()).isZero();
        assertThat(Model.isModel(out)).isTrue();
    }

    private TinyRun with(ModelSpec spec) throws IOException {
        TinyRun tiny = TinyRun.in(temporary);
        for (String file : List.of("config.yaml", "model.safetensors", "README.md")) {
            Files.delete(tiny.model().resolve(file));
        }
        Scopes.run(() -> {
            try {
                Model.save(tiny.model(), spec, spec.initial(3), "# Random weights\n");
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
        return tiny;
    }

    /// A run that stops and goes on ends with the bytes of one that does not.
    private static void decomposed(TinyRun tiny, String pattern, String length) throws IOException {
        String[] settings = {
            "--set",
            "sites=[{pattern: \"%s\", subcomponents: 4}]".formatted(pattern),
            "--set",
            "streams[0].length=" + length,
            "--set",
            "steps=10"
        };
        Path whole = tiny.run("whole");
        TinyRun.Result first = tiny.decompose(whole, settings);
        assertThat(first.exitCode()).as(first.err()).isZero();
        Path killed = TinyRun.withoutCheckpoint(whole, 10, tiny.run("killed"));
        TinyRun.Result resumed = tiny.decompose(killed, concat("--resume", settings));
        assertThat(resumed.exitCode()).as(resumed.err()).isZero();
        assertThat(numbers(killed)).isEqualTo(numbers(whole));
    }

    private static void reported(TinyRun tiny, String... commands) {
        for (String command : commands) {
            TinyRun.Result result = TinyRun.cleave(command, tiny.run("whole").toString());
            assertThat(result.exitCode()).as(result.err()).isZero();
        }
    }

    private static String[] concat(String first, String... others) {
        return Stream.concat(Stream.of(first), Stream.of(others)).toArray(String[]::new);
    }

    private static SortedMap<String, List<Double>> numbers(Path run) throws IOException {
        SortedMap<String, List<Double>> numbers = new TreeMap<>();
        try (var map = Safetensors.read(TinyRun.decomposition(run))) {
            Scopes.run(() -> {
                for (String name : map.names()) {
                    numbers.put(
                            name,
                            java.util.Arrays.stream(Tensors.toDoubles(map.get(name)))
                                    .boxed()
                                    .toList());
                }
            });
        }
        return numbers;
    }
}
