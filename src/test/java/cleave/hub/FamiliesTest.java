package cleave.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cleave.config.UserError;
import cleave.engine.Products;
import cleave.model.Batch;
import cleave.model.Batch.LossPositions;
import cleave.model.Clean;
import cleave.model.Families;
import cleave.model.LanguageModel;
import cleave.model.ModelConfig;
import cleave.model.Replacement;
import cleave.model.Site;
import cleave.model.Target;
import cleave.subcomponent.MaskedSite;
import cleave.subcomponent.MaskedSubcomponents;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Differences;
import cleave.testing.Golden;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

/// Compares every family with transformers and with a forward pass in numpy, on tiny random models
/// that `src/test/golden/families.py` wrote.
class FamiliesTest {
    private static final String HINT =
            "the reference is written by: python3 src/test/golden/families.py";
    private static final List<String> NAMES =
            List.of(
                    "llama",
                    "llama_old",
                    "llama3",
                    "yarn_old",
                    "smollm3",
                    "mistral",
                    "mistral_window",
                    "qwen2_old",
                    "qwen3",
                    "gpt_neox",
                    "gpt_neox_old",
                    "gpt_neo",
                    "llama_simple",
                    "llama_simple_mlp");

    @TempDir private Path temporary;

    private static Stream<String> names() {
        return NAMES.stream();
    }

    private static Path folder(String name) {
        return name.equals("gpt2")
                ? Gpt2ParityTest.folder("plain")
                : Golden.FOLDER.resolve("families").resolve(name);
    }

    @ParameterizedTest
    @MethodSource("names")
    void logitsAreThoseOfTransformersAndOfNumpy(String name) {
        compare(name, Type.FLOAT, "logits", 1e-5);
        compare(name, Type.DOUBLE, "logits64", 1e-6);
        compare(name, Type.DOUBLE, "logits_numpy", 1e-12);
    }

    private static void compare(String name, Type type, String expected, double tolerance) {
        Differences differences =
                new Differences("%s: %s".formatted(name, expected), tolerance, HINT);
        try (Model model = Model.load(folder(name), type);
                TensorMap reference = Safetensors.read(folder(name).resolve(Parity.FILE))) {
            Scopes.run(() -> {
                double[] logits = Tensors.toDoubles(reference.get(expected));
                Target target = model.target();
                Batch batch = everywhere(reference.get("input_ids"));
                Clean clean = target.clean(batch);
                differences.check("clean pass", clean.outputs(), logits);
                differences.check(
                        "pass from the inputs",
                        target.forward(batch, Map.of(), null).outputs(),
                        logits);
                differences.check(
                        "pass from the last block",
                        target.forward(batch, Map.of(), clean).outputs(),
                        logits);
            });
        }
        differences.report();
    }

    /// The last block computes the queries of the positions that are asked for only.
    @ParameterizedTest
    @MethodSource("names")
    void aPassThatAsksForSomePositionsGivesTheirLogits(String name) {
        try (Model model = Model.load(folder(name), Type.DOUBLE);
                TensorMap reference = Safetensors.read(folder(name).resolve(Parity.FILE))) {
            Scopes.run(() -> {
                Tensor ids = reference.get("input_ids");
                Tensor positions = Tensors.of(new long[] {3, 13, 0, 7}, 2, 2);
                Batch some = new Batch("s", 0, ids, null, new LossPositions(positions, null));
                Tensor all = model.target().forward(everywhere(ids), Map.of(), null).outputs();
                Tensor index = positions.unsqueeze(2).expand(2, 2, all.size(2));
                Tensor gap =
                        model.target()
                                .forward(some, Map.of(), null)
                                .outputs()
                                .sub(all.gather(1, index));
                assertThat(Tensors.number(gap.abs().max())).isLessThan(1e-12);
            });
        }
    }

    @ParameterizedTest
    @MethodSource("names")
    void aSavedModelIsTheSameWhenReadAgainAndHasThePublishedNames(String name) throws IOException {
        Path saved = temporary.resolve(name);
        try (Model model = Model.load(folder(name), Type.FLOAT)) {
            Scopes.run(() -> {
                try {
                    Model.save(saved, model.spec(), model.target().weights(), "# A card\n");
                } catch (IOException failure) {
                    throw new UncheckedIOException(failure);
                }
            });
            Files.copy(folder(name).resolve(Parity.FILE), saved.resolve(Parity.FILE));
            try (Model again = Model.load(saved, Type.FLOAT)) {
                assertThat(again.spec()).isEqualTo(model.spec());
                assertThat(
                                Parity.of(saved, again.target(), again.spec().tokens())
                                        .orElseThrow()
                                        .holds())
                        .isTrue();
            }
        }
        SortedMap<String, Tensor> published = new TreeMap<>();
        try (TensorMap before = Safetensors.read(folder(name).resolve(Model.WEIGHTS));
                TensorMap after = Safetensors.read(saved.resolve(Model.WEIGHTS))) {
            before.names().forEach(each -> published.put(each, before.get(each)));
            assertThat(after.names()).containsExactlyInAnyOrderElementsOf(published.keySet());
            published.forEach(
                    (each, tensor) -> assertThat(after.get(each).equal(tensor)).as(each).isTrue());
        }
    }

    @ParameterizedTest
    @CsvSource({
        "llama, layers.1.self_attn.q_proj, model.layers.1.self_attn.q_proj, blocks.1.attn.q",
        "llama, layers.0.mlp.up_proj, model.layers.0.mlp.up_proj, blocks.0.mlp.in",
        "qwen3, lm_head, lm_head, unembed",
        "llama, embed_tokens, model.embed_tokens, embed",
        "gpt_neox, embed_in, gpt_neox.embed_in, embed",
        "gpt_neox, layers.1.attention.query_key_value, gpt_neox.layers.1.attention.query_key_value, blocks.1.attn.qkv",
        "gpt_neox, layers.1.attention.query_key_value.k, gpt_neox.layers.1.attention.query_key_value.k, blocks.1.attn.k",
        "gpt_neo, h.0.attn.attention.out_proj, transformer.h.0.attn.attention.out_proj, blocks.0.attn.o",
        "llama_simple, h.1.mlp.gate_proj, h.1.mlp.gate_proj, blocks.1.mlp.gate"
    })
    void aSiteGoesByItsNamesInTheFileAndByTheSharedOne(
            String name, String own, String file, String shared) {
        try (Model model = Model.load(folder(name), Type.FLOAT)) {
            Site site = model.target().site(own);
            assertThat(model.target().site(file)).isSameAs(site);
            assertThat(model.target().site(shared)).isSameAs(site);
            assertThat(site.name()).isEqualTo(own);
        }
    }

    @ParameterizedTest
    @MethodSource("names")
    void withAllMasksAtOneTheEmbeddingIsTheTargetsBitForBit(String name) {
        try (Model model = Model.load(folder(name), Type.FLOAT);
                TensorMap reference = Safetensors.read(folder(name).resolve(Parity.FILE))) {
            Scopes.run(() -> {
                Target target = model.target();
                Batch batch = everywhere(reference.get("input_ids"));
                Clean clean = target.clean(batch);
                Map<String, Replacement> replaced = maskedEmbedding(target, batch, 1, 1, 1, 1);
                Tensor fromBlocks = target.forward(batch, replaced, clean).outputs();
                assertThat(fromBlocks.equal(clean.outputs())).isTrue();
                Tensor fromInputs = target.forward(batch, replaced, null).outputs();
                assertThat(fromInputs.equal(clean.outputs())).isTrue();
                Map<String, Replacement> without = maskedEmbedding(target, batch, 1, 0, 1, 1);
                Tensor less = target.forward(batch, without, clean).outputs();
                assertThat(less.equal(clean.outputs())).isFalse();
            });
        }
    }

    /// By hand: a subcomponent that is scaled by m adds `(m - 1) V[token, c] U_c` to a token's row.
    /// The head of a model that has the table twice stays as it is.
    @ParameterizedTest
    @CsvSource({
        "gpt_neox, gpt_neox.embed_in.weight",
        "llama_old, model.embed_tokens.weight",
        "gpt_neo, transformer.wte.weight"
    })
    void aMaskedEmbeddingIsAnotherTableAndLeavesTheHead(String name, String table)
            throws IOException {
        double[] masks = {0.5, 0, 1, -1};
        copy(name);
        config(values -> values.put("tie_word_embeddings", false));
        try (Model model = Model.load(folder(name), Type.DOUBLE);
                TensorMap reference = Safetensors.read(folder(name).resolve(Parity.FILE))) {
            Scopes.run(() -> {
                Target target = model.target();
                Batch batch = everywhere(reference.get("input_ids"));
                Tensor masked =
                        target.forward(
                                        batch,
                                        maskedEmbedding(target, batch, masks),
                                        target.clean(batch))
                                .outputs();
                Subcomponents parts = embedding(target);
                double[] V = Tensors.toDoubles(parts.V());
                double[] U = Tensors.toDoubles(parts.U());
                Tensor before = target.weight(parts.site()).t().contiguous();
                double[] rows = Tensors.toDoubles(before);
                int width = (int) before.size(1);
                for (int i = 0; i < rows.length; i++) {
                    for (int c = 0; c < masks.length; c++) {
                        rows[i] +=
                                (masks[c] - 1)
                                        * V[i / width * masks.length + c]
                                        * U[c * width + i % width];
                    }
                }
                change(tensors -> {
                    tensors.put(table, Tensors.of(rows, Type.DOUBLE, before.shape()));
                    if (!name.equals("gpt_neox")) {
                        tensors.put("lm_head.weight", before);
                    }
                });
                try (Model other = Model.load(temporary, Type.DOUBLE)) {
                    Tensor gap = other.target().clean(batch).outputs().sub(masked).abs().max();
                    assertThat(Tensors.number(gap)).isLessThan(1e-12);
                }
            });
        }
    }

    private static Subcomponents embedding(Target target) {
        Site site = target.site("embed");
        Tensor W = target.weight(site);
        Subcomponents.Initial fresh =
                Subcomponents.initial(site, W, 4, Subcomponents.Start.ALIGNED, 3);
        return new Subcomponents(site, W, fresh.V(), fresh.U());
    }

    /// The token embedding as four subcomponents under a mask each, with its weight delta.
    private static Map<String, Replacement> maskedEmbedding(
            Target target, Batch batch, double... masks) {
        Subcomponents parts = embedding(target);
        Tensor mask =
                Tensors.of(masks, target.type(), masks.length)
                        .expand(batch.rows(), batch.length(), masks.length);
        return Map.of(
                parts.site().name(),
                new MaskedSite(
                        Products.EXACT,
                        parts,
                        new MaskedSubcomponents.Recorded(Products.EXACT, parts, mask),
                        MaskedSite.DeltaShare.WHOLE,
                        null,
                        null));
    }

    private static Stream<Arguments> requiredKeys() {
        return Stream.of(
                        List.of("llama", "vocab_size"),
                        List.of("llama", "max_position_embeddings"),
                        List.of("llama", "num_hidden_layers"),
                        List.of("llama", "hidden_size"),
                        List.of("mistral", "num_attention_heads"),
                        List.of("llama", "num_attention_heads"),
                        List.of("llama_simple", "n_head"),
                        List.of("smollm3", "intermediate_size"),
                        List.of("qwen2_old", "vocab_size"),
                        List.of("qwen3", "hidden_size"),
                        List.of("gpt_neox", "num_attention_heads"),
                        List.of("gpt_neox_old", "intermediate_size"),
                        List.of("gpt_neo", "num_heads"),
                        List.of("gpt_neo", "num_layers"),
                        List.of("gpt2", "n_positions"),
                        List.of("llama_simple", "n_embd"),
                        List.of("llama_simple_mlp", "n_ctx"))
                .map(each -> Arguments.of(each.get(0), each.get(1)));
    }

    @ParameterizedTest
    @MethodSource("requiredKeys")
    void aMissingKeyIsNamed(String name, String key) throws IOException {
        copy(name);
        config(values -> values.remove(key));
        refused(key + " must be a whole number >= 1, got nothing");
        // A rule about a number that is not there has nothing to say.
        assertThatThrownBy(() -> Model.load(temporary, Type.FLOAT))
                .message()
                .doesNotContain("problems", "multiple of", "an even part");
    }

    @ParameterizedTest
    @CsvSource({
        "llama, model.layers.1.mlp.down_proj.weight",
        "smollm3, model.layers.1.self_attn.k_proj.weight",
        "mistral, model.norm.weight",
        "qwen2_old, model.layers.0.self_attn.q_proj.bias",
        "qwen3, model.layers.0.self_attn.q_norm.weight",
        "gpt_neox, gpt_neox.layers.1.attention.query_key_value.weight",
        "gpt_neo, transformer.wpe.weight",
        "gpt2, h.0.attn.c_attn.bias",
        "llama_simple, h.1.mlp.gate_proj.weight",
        "llama_simple_mlp, h.0.mlp.c_fc.weight"
    })
    void aMatrixOfAnotherShapeAndAMissingOneAreNamed(String name, String tensor)
            throws IOException {
        copy(name);
        String own = tensor.replaceFirst("^(model|gpt_neox|transformer)\\.", "");
        change(tensors -> tensors.put(tensor, Tensors.zeros(Type.FLOAT, 7, 3)));
        refused("1 problem ", "tensor %s must have the shape [".formatted(own), "got [7, 3]");
        change(tensors -> tensors.remove(tensor));
        refused("1 problem ", "tensor %s [".formatted(own), "is missing");
    }

    @ParameterizedTest
    @CsvSource({
        "llama, num_hidden_layers",
        "mistral, num_hidden_layers",
        "smollm3, num_hidden_layers",
        "qwen2_old, num_hidden_layers",
        "qwen3, num_hidden_layers",
        "gpt_neox, num_hidden_layers",
        "gpt_neo, num_layers",
        "gpt2, n_layer",
        "llama_simple, n_layer",
        "llama_simple_mlp, n_layer"
    })
    void weightsOfOneLayerTooFewAreRefusedByThatAlone(String name, String key) throws IOException {
        copy(name);
        config(values -> {
            values.merge(key, 1, (old, one) -> (Integer) old + (Integer) one);
            values.computeIfPresent("no_rope_layers", (_, _) -> List.of(1, 0, 1, 1, 1));
            values.computeIfPresent(
                    "attention_types", (_, _) -> List.of(List.of(List.of("global"), 3)));
        });
        refused("weights must have the configuration's %s of ".formatted(key));
    }

    @Test
    void kindsOfAttentionThatAreNotOneForEachLayerAreNamed() throws IOException {
        copy("gpt_neo");
        config(values -> values.put("num_layers", 3));
        refused("attention_types must list the kinds of num_layers of 3 blocks, got 2");
    }

    @Test
    void anUnknownArchitectureListsThoseThatAreKnown() throws IOException {
        copy("llama");
        config(values -> values.put("model_type", "bert"));
        refused(
                "model_type must be one of gpt2, gpt_neo, gpt_neox, llama, LlamaSimple, LlamaSimpleMLP, mistral, qwen2, qwen3, smollm3",
                "got \"bert\"");
    }

    @Test
    void anUnknownScalingOfRotationsIsRefused() throws IOException {
        copy("llama_old");
        config(values -> values.put("rope_scaling", Map.of("type", "longrope", "factor", 2)));
        refused(
                "rope_scaling must be of a type of [default, linear, dynamic, llama3, yarn], got \"longrope\"");
        config(values -> values.put("rope_scaling", Map.of("type", "linear")));
        refused("rope_scaling.factor must be > 0, got nothing");
    }

    @Test
    void dynamicScalingChangesNothingWithinTheContext() throws IOException {
        copy("mistral");
        config(values -> {
            values.remove("rope_parameters");
            values.put("rope_theta", 100.0);
            values.put("rope_scaling", Map.of("type", "dynamic", "factor", 2.0));
        });
        holds();
    }

    @Test
    void specialTokensBeyondTheVocabularyWarnAndAreNotRefused() {
        ModelConfig config =
                new ModelConfig(Map.of("bos_token_id", 50256, "eos_token_id", List.of(1, 77)));
        config.checkSpecialTokens(19);
        assertThat(config.problems()).isEmpty();
        assertThat(config.warnings())
                .containsExactly(
                        "bos_token_id must be below the vocabulary of 19 tokens, got 50256; it is passed over",
                        "eos_token_id must be below the vocabulary of 19 tokens, got 77; it is passed over");
    }

    @Test
    void prefixesOfTrainingWrappersAndBuffersOfAnyTypeArePassedOver() throws IOException {
        copy("gpt_neox");
        change(tensors -> {
            Map<String, Tensor> before = new TreeMap<>(tensors);
            tensors.clear();
            before.forEach((name, tensor) -> tensors.put("_orig_mod.module." + name, tensor));
            tensors.put(
                    "gpt_neox.layers.0.attention.bias", Tensors.of(new boolean[] {true}, 1, 1, 1));
            tensors.put("gpt_neox.layers.1.attention.masked_bias", Tensors.of(new long[] {1}, 1));
        });
        holds();
    }

    /// An element type is judged only where a tensor is read.
    @ParameterizedTest
    @ValueSource(strings = {"I8", "U16", "F8_E4M3", "F4", "C64"})
    void aBufferOfATypeThatIsNotReadIsPassedOver(String kind) throws IOException {
        copy("gpt_neox");
        String mask = "gpt_neox.layers.0.attention.bias";
        change(tensors -> tensors.put(mask, Tensors.zeros(Type.BYTE, 4)));
        called(mask, "U8", kind);
        holds();
        assertThat(Objects.requireNonNull(ModelFiles.of(temporary).tensors().get(mask)).kind())
                .isEqualTo(kind);
        Path converted = temporary.resolve("converted");
        Conversion.write(ModelFiles.of(temporary), converted);
        assertThat(ModelFiles.of(converted).tensors()).doesNotContainKey(mask).isNotEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"I8", "F8_E5M2"})
    void aWeightOfATypeThatIsNotReadIsNamed(String kind) throws IOException {
        copy("gpt_neox");
        String norm = "gpt_neox.final_layer_norm.bias";
        change(tensors -> tensors.put(norm, Tensors.zeros(Type.BYTE, 16)));
        called(norm, "U8", kind);
        refused(
                "1 problem ",
                "tensor final_layer_norm.bias must be F16, BF16, F32 or F64, got " + kind);
        assertThatThrownBy(() ->
                        Conversion.write(ModelFiles.of(temporary), temporary.resolve("converted")))
                .isInstanceOf(UserError.class)
                .hasMessageContaining("tensor %s must be stored as one of [BOOL, ".formatted(norm))
                .hasMessageContaining("got " + kind);
    }

    /// Gives a tensor of the file another element type by name.
    private void called(String tensor, String from, String to) throws IOException {
        Path file = temporary.resolve(Model.WEIGHTS);
        byte[] bytes = Files.readAllBytes(file);
        int length = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt();
        String before = new String(bytes, 8, length, StandardCharsets.UTF_8);
        String after =
                before.replaceFirst(
                        "(\"%s\":\\{\"dtype\":\")%s".formatted(Pattern.quote(tensor), from),
                        "$1" + to);
        assertThat(after).isNotEqualTo(before);
        byte[] header = after.getBytes(StandardCharsets.UTF_8);
        ByteBuffer changed =
                ByteBuffer.allocate(bytes.length + header.length - length)
                        .order(ByteOrder.LITTLE_ENDIAN);
        changed.putLong(header.length)
                .put(header)
                .put(bytes, 8 + length, bytes.length - 8 - length);
        Files.write(file, changed.array());
    }

    /// Goodfire's training leaves `model_config.yaml` and, once converted, the weights of a step.
    @ParameterizedTest
    @ValueSource(strings = {"llama_simple", "llama_simple_mlp"})
    void aFolderOfGoodfiresTrainingIsRead(String name) throws IOException {
        copy(name);
        Files.delete(temporary.resolve("config.json"));
        Files.move(
                temporary.resolve(Model.WEIGHTS),
                temporary.resolve("model_step_99999.safetensors"));
        Files.writeString(
                temporary.resolve("model_config.yaml"),
                """
                attn_bias: false
                block_size: 24
                flash_attention: true
                mlp_bias: false
                model_type: %s
                n_ctx: 24
                n_embd: 16
                n_head: 4
                n_intermediate: 20
                n_key_value_heads: 2
                n_layer: 2
                rms_norm_eps: 1.0e-06
                rotary_adjacent_pairs: false
                rotary_base: 10000
                rotary_dim: 128
                use_grouped_query_attention: true
                vocab_size: 19
                """
                        .formatted(name.endsWith("mlp") ? "LlamaSimpleMLP" : "LlamaSimple"));
        holds();
        assertThat(ModelFiles.of(temporary).config().path("n_layer").asInt()).isEqualTo(2);
        Path copied = temporary.resolve("copied");
        Model.copy(temporary, copied);
        Path converted = temporary.resolve("converted");
        Conversion.write(ModelFiles.of(copied), converted);
        try (Model model = Model.load(copied, Type.FLOAT);
                Model again = Model.load(converted, Type.FLOAT)) {
            assertThat(again.spec()).isEqualTo(model.spec());
        }
        Files.copy(
                temporary.resolve("model_step_99999.safetensors"),
                temporary.resolve("model_step_5.safetensors"));
        refused(
                "model must be one file of weights, got a folder with 2",
                "hint: keep one of them: model_step_5.safetensors, model_step_99999.safetensors");
    }

    @Test
    void whatGoodfiresTrainingLeavesIsRefusedInOneSentence() throws IOException {
        Path config = temporary.resolve("model_config.yaml");
        Files.writeString(config, "n_layer: 2");
        Files.writeString(temporary.resolve("model_step_99999.pt"), "x");
        refused("got a pickle", "torch.load('%s/model_step_99999.pt'".formatted(temporary));
        Files.copy(folder("llama_simple").resolve(Model.WEIGHTS), temporary.resolve(Model.WEIGHTS));
        refused("model_type must be one of ", "got nothing (" + config);
        Files.writeString(config, "- 2");
        refused("model's configuration must be keys with values, got ARRAY (" + config);
        Files.writeString(config, "a: [");
        refused(config + ":");
    }

    @Test
    void factsUnderOtherNamesAreKnown() throws IOException {
        copy("llama");
        config(values -> {
            rename(values, "hidden_size", "n_embd");
            rename(values, "num_hidden_layers", "n_layer");
            rename(values, "num_attention_heads", "n_head");
            values.put("hidden_act", "swish");
        });
        holds();
    }

    @Test
    void matricesOfAGpt2StoredTheOtherWayRoundAreTurned() throws IOException {
        Model.copy(Gpt2ParityTest.folder("plain"), temporary);
        Files.copy(
                Gpt2ParityTest.folder("plain").resolve(Parity.FILE),
                temporary.resolve(Parity.FILE));
        change(tensors ->
                tensors.replaceAll((name, tensor) ->
                        name.matches("h\\..*c_(attn|proj|fc)\\.weight")
                                ? tensor.t().contiguous()
                                : tensor));
        holds();
    }

    @Test
    void everyFamilyIsFoundByEachOfItsTypes() {
        assertThat(Families.modelTypes())
                .allSatisfy(type ->
                        assertThat(Families.of(type).orElseThrow().modelTypes()).contains(type));
    }

    private void holds() {
        try (Model model = Model.load(temporary, Type.FLOAT)) {
            Parity parity =
                    Parity.of(temporary, model.target(), model.spec().tokens()).orElseThrow();
            assertThat(parity.holds()).as(parity.line()).isTrue();
            assertThat(model.spec()).isInstanceOf(LanguageModel.class);
        }
    }

    private void refused(String... parts) {
        assertThatThrownBy(() -> Model.load(temporary, Type.FLOAT).close())
                .isInstanceOf(UserError.class)
                .message()
                .contains(parts);
    }

    private void copy(String name) throws IOException {
        for (String file : List.of("config.json", Model.WEIGHTS, Parity.FILE)) {
            Files.copy(folder(name).resolve(file), temporary.resolve(file));
        }
    }

    private static void rename(Map<String, Object> values, String from, String to) {
        Object value = values.remove(from);
        assertThat(value).isNotNull();
        values.put(to, value);
    }

    @SuppressWarnings("unchecked")
    private void config(Consumer<Map<String, Object>> change) throws IOException {
        Path file = temporary.resolve("config.json");
        Map<String, Object> values =
                JsonMapper.shared().readValue(Files.readString(file), LinkedHashMap.class);
        change.accept(values);
        Files.writeString(file, JsonMapper.shared().writeValueAsString(values));
    }

    private void change(Consumer<SortedMap<String, Tensor>> change) {
        Path file = temporary.resolve(Model.WEIGHTS);
        Scopes.run(() -> {
            try (TensorMap map = Safetensors.read(file)) {
                SortedMap<String, Tensor> tensors = new TreeMap<>();
                map.names().forEach(name -> tensors.put(name, map.get(name)));
                change.accept(tensors);
                Safetensors.write(file, tensors, Map.of());
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
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
