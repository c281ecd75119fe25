package cleave.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.regex.Pattern;

/// GPT-Neo, the family of TinyStories: GPT-2 with scores that are not scaled, and blocks whose
/// attention sees the last positions only.
///
/// Weights: `wte.weight [tokens, d]`, `wpe.weight [length, d]`; for each block N `h.N.ln_1`,
/// `h.N.ln_2` (`weight`, `bias` `[d]`), `h.N.attn.attention.q_proj`, `k_proj`, `v_proj` (`weight
/// [d, d]`), `out_proj` (also `bias`), `h.N.mlp.c_fc [neurons, d]`, `h.N.mlp.c_proj [d, neurons]`
/// with biases; then `ln_f` and, unless tied, `lm_head.weight [tokens, d]`.
///
/// @param tokens size of the vocabulary
/// @param length longest sequence
/// @param width d, the width of the residual stream
/// @param heads of each block; they share the width
/// @param neurons of each MLP
/// @param activation of each MLP
/// @param epsilon of the norms
/// @param local for each block whether its attention is local
/// @param window how many positions local attention sees
/// @param tied whether the head is the token embedding
public record GptNeo(
        int tokens,
        int length,
        int width,
        int heads,
        int neurons,
        Activation activation,
        double epsilon,
        List<Boolean> local,
        int window,
        boolean tied)
        implements LanguageModel.OfParts {

    /// How the family is read from published files.
    public static final Family FAMILY = new OfGptNeo();

    @Override
    public int layers() {
        return local.size();
    }

    @Override
    public Layout layout() {
        Layout layout = new Layout("a gpt_neo", FAMILY.prefix(), length);
        layout.embedding("wte", tokens, width);
        layout.positions("wpe", length, width);
        for (int layer = 0; layer < layers(); layer++) {
            layout.add(block("h.%d.".formatted(layer), local.get(layer), layout));
        }
        layout.last(layout.layerNorm("ln_f", width, epsilon));
        layout.head("lm_head", tokens, width, tied, false);
        return layout;
    }

    private Block block(String name, boolean isLocal, Layout layout) {
        String attention = name + "attn.attention.";
        Norm first = layout.layerNorm(name + "ln_1", width, epsilon);
        Projection q = layout.map(attention + "q_proj", "attn.q", width, width, false);
        Projection k = layout.map(attention + "k_proj", "attn.k", width, width, false);
        Projection v = layout.map(attention + "v_proj", "attn.v", width, width, false);
        Projection o = layout.map(attention + "out_proj", "attn.o", width, width, true);
        Norm second = layout.layerNorm(name + "ln_2", width, epsilon);
        Projection up = layout.map(name + "mlp.c_fc", "mlp.in", width, neurons, true);
        Projection down = layout.map(name + "mlp.c_proj", "mlp.out", neurons, width, true);
        Heads.Many all = Heads.of(heads, heads).unscaled();
        return new Block(
                first,
                new SelfAttention(
                        new Projections.Split(q, k, v),
                        PositionCode.NONE,
                        isLocal ? all.within(window) : all,
                        Optional.of(o)),
                Optional.of(new Block.Second(second, Mlp.twoLayers(up, activation, down))));
    }

    @Override
    public Family family() {
        return FAMILY;
    }

    @Override
    public SequencedMap<String, Object> configuration() {
        SequencedMap<String, Object> config = new LinkedHashMap<>();
        config.put("architectures", List.of("GPTNeoForCausalLM"));
        config.put("model_type", "gpt_neo");
        config.put("vocab_size", tokens);
        config.put("max_position_embeddings", length);
        config.put("hidden_size", width);
        config.put("num_layers", layers());
        config.put("num_heads", heads);
        config.put("intermediate_size", neurons);
        config.put("activation_function", ModelConfig.name(activation));
        config.put("layer_norm_epsilon", epsilon);
        config.put(
                "attention_types",
                local.stream().map(each -> List.of(List.of(kind(each)), 1)).toList());
        config.put("attention_layers", local.stream().map(GptNeo::kind).toList());
        config.put("window_size", window);
        config.put("tie_word_embeddings", tied);
        return config;
    }

    private static String kind(boolean local) {
        return local ? "local" : "global";
    }

    /// Reads the configuration.
    private static final class OfGptNeo implements Family {
        private static final Pattern BUFFER =
                Pattern.compile("h\\.\\d+\\.attn\\.attention\\.(masked_)?bias");

        @Override
        public List<String> modelTypes() {
            return List.of("gpt_neo");
        }

        @Override
        public String prefix() {
            return "transformer.";
        }

        @Override
        public boolean isBuffer(String name) {
            return BUFFER.matcher(name).matches();
        }

        @Override
        public String layersKey() {
            return "num_layers";
        }

        @Override
        public LanguageModel read(ModelConfig config) {
            int width = config.size("hidden_size", "n_embd");
            int heads =
                    config.heads(
                            width, "hidden_size", "num_heads", "num_attention_heads", "n_head");
            return new GptNeo(
                    config.size("vocab_size"),
                    config.size("max_position_embeddings", "n_positions"),
                    width,
                    heads,
                    config.sizeOr((int) Math.min(1 << 30, 4L * width), "intermediate_size"),
                    config.activationOr(Activation.GELU_NEW, "activation_function"),
                    config.positiveOr(1e-5, "layer_norm_epsilon", "layer_norm_eps"),
                    local(config, config.size("num_layers", "num_hidden_layers", "n_layer")),
                    config.sizeOr(256, "window_size"),
                    config.flag(true, "tie_word_embeddings"));
        }

        /// Which blocks are local: `attention_layers` lists them, and `attention_types` says
        /// `[[[kinds], times], ...]`.
        private static List<Boolean> local(ModelConfig config, int layers) {
            List<Object> kinds = new ArrayList<>();
            config.list("attention_types")
                    .ifPresent(types -> types.forEach(each -> repeat(each, kinds, config)));
            if (kinds.isEmpty()) {
                config.list("attention_layers").ifPresent(kinds::addAll);
            }
            if (kinds.isEmpty()) {
                config.problem(
                        "attention_types must list the kinds of %d blocks, got nothing", layers);
            } else if (kinds.size() != layers && config.isSound("num_layers")) {
                config.problem(
                        "attention_types must list the kinds of num_layers of %d blocks, got %d",
                        layers, kinds.size());
            }
            kinds.stream()
                    .filter(kind -> !kind.equals("global") && !kind.equals("local"))
                    .findFirst()
                    .ifPresent(kind ->
                            config.problem(
                                    "attention_types must be of global and local, got %s", kind));
            return kinds.stream().map("local"::equals).toList();
        }

        private static void repeat(Object each, List<Object> into, ModelConfig config) {
            if (each instanceof List<?> pair
                    && pair.size() == 2
                    && pair.get(0) instanceof List<?> kinds
                    && pair.get(1) instanceof Integer times
                    && times >= 0
                    && times <= ModelConfig.MOST_LAYERS) {
                Collections.nCopies(times, kinds).forEach(into::addAll);
            } else {
                config.problem("attention_types must be [[kinds], times], got %s", each);
            }
        }
    }
}
