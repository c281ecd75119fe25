package cleave.model;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.stream.IntStream;

/// Llama and its relatives: root mean square norms, rotary position embeddings, attention whose
/// heads may share keys and values, and a gated MLP.
///
/// Weights: `embed_tokens.weight [tokens, d]`; for each block N `layers.N.input_layernorm.weight`
/// and `layers.N.post_attention_layernorm.weight` `[d]`, `layers.N.self_attn.q_proj.weight [heads
/// d_head, d]`, `k_proj` and `v_proj` `[key_heads d_head, d]`, `o_proj [d, heads d_head]`, with
/// `head_norms` also `q_norm` and `k_norm` `[d_head]`, `layers.N.mlp.gate_proj` and `up_proj
/// [neurons, d]`, `down_proj [d, neurons]`; then `norm.weight [d]` and, unless tied,
/// `lm_head.weight [tokens, d]`.
///
/// @param relative whose configuration it has
/// @param tokens size of the vocabulary
/// @param length longest sequence
/// @param width d, the width of the residual stream
/// @param layers number of blocks
/// @param heads of queries
/// @param keyHeads of keys and values; each is read by `heads / keyHeads` heads of queries
/// @param headWidth d_head
/// @param neurons of each MLP
/// @param activation of the gate
/// @param epsilon of the norms
/// @param rotary the frequencies of rotary position embeddings
/// @param unturned the blocks without position embeddings
/// @param windows how many positions a query sees, for each block; empty where all see all
/// @param inputBias whether the maps to queries, keys and values have biases
/// @param outputBias whether the attention's output map has one
/// @param mlpBias whether the maps of the MLP have biases
/// @param headNorms whether heads of queries and keys are normed
/// @param tied whether the head is the token embedding
public record Llama(
        Relative relative,
        int tokens,
        int length,
        int width,
        int layers,
        int heads,
        int keyHeads,
        int headWidth,
        int neurons,
        Activation activation,
        double epsilon,
        Rotary rotary,
        List<Integer> unturned,
        List<Integer> windows,
        boolean inputBias,
        boolean outputBias,
        boolean mlpBias,
        boolean headNorms,
        boolean tied)
        implements LanguageModel.OfParts {

    /// How the family is read from published files.
    public static final Family FAMILY = new OfLlama();

    /// Architectures that are this network with other settings.
    public enum Relative {
        /// Llama, TinyLlama, SmolLM and SmolLM2, SimpleStories.
        LLAMA("LlamaForCausalLM"),
        /// Mistral.
        MISTRAL("MistralForCausalLM"),
        /// Qwen 2 and 2.5, with biases of queries, keys and values.
        QWEN2("Qwen2ForCausalLM"),
        /// Qwen 3, with norms of queries and keys.
        QWEN3("Qwen3ForCausalLM"),
        /// SmolLM3, of which some blocks have no position embeddings.
        SMOLLM3("SmolLM3ForCausalLM");

        private final String architecture;

        Relative(String architecture) {
            this.architecture = architecture;
        }

        /// The value of `model_type`.
        String modelType() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    @Override
    public Layout layout() {
        Layout layout = new Layout("a " + relative.modelType(), FAMILY.prefix(), length);
        layout.embedding("embed_tokens", tokens, width);
        for (int layer = 0; layer < layers; layer++) {
            layout.add(block(layer, layout));
        }
        layout.last(layout.rmsNorm("norm", width, epsilon));
        layout.head("lm_head", tokens, width, tied, false);
        return layout;
    }

    private Block block(int layer, Layout layout) {
        String name = "layers.%d.".formatted(layer);
        String attention = name + "self_attn.";
        String mlp = name + "mlp.";
        long queries = (long) heads * headWidth;
        long keys = (long) keyHeads * headWidth;
        Norm first = layout.rmsNorm(name + "input_layernorm", width, epsilon);
        Projection q = layout.map(attention + "q_proj", "attn.q", width, queries, inputBias);
        Projection k = layout.map(attention + "k_proj", "attn.k", width, keys, inputBias);
        Projection v = layout.map(attention + "v_proj", "attn.v", width, keys, inputBias);
        Projection o = layout.map(attention + "o_proj", "attn.o", queries, width, outputBias);
        Norm second = layout.rmsNorm(name + "post_attention_layernorm", width, epsilon);
        Projection gate = layout.map(mlp + "gate_proj", "mlp.gate", width, neurons, mlpBias);
        Projection up = layout.map(mlp + "up_proj", "mlp.in", width, neurons, mlpBias);
        Projection down = layout.map(mlp + "down_proj", "mlp.out", neurons, width, mlpBias);
        return new Block(
                first,
                new SelfAttention(
                        new Projections.Split(q, k, v),
                        headNorm(attention + "q_norm", layout),
                        headNorm(attention + "k_norm", layout),
                        unturned.contains(layer)
                                ? PositionCode.NONE
                                : PositionCode.rotary(rotary, headWidth, headWidth),
                        windows.isEmpty()
                                ? Heads.of(heads, keyHeads)
                                : Heads.of(heads, keyHeads).within(windows.get(layer)),
                        Optional.of(o)),
                Optional.of(new Block.Second(second, Mlp.gated(gate, activation, up, down))));
    }

    private Norm headNorm(String name, Layout layout) {
        return headNorms ? layout.rmsNorm(name, headWidth, epsilon).ofHeads(headWidth) : Norm.NONE;
    }

    @Override
    public Family family() {
        return FAMILY;
    }

    @Override
    public SequencedMap<String, Object> configuration() {
        SequencedMap<String, Object> config = new LinkedHashMap<>();
        config.put("architectures", List.of(relative.architecture));
        config.put("model_type", relative.modelType());
        config.put("vocab_size", tokens);
        config.put("max_position_embeddings", length);
        config.put("hidden_size", width);
        config.put("num_hidden_layers", layers);
        config.put("num_attention_heads", heads);
        config.put("num_key_value_heads", keyHeads);
        config.put("head_dim", headWidth);
        config.put("intermediate_size", neurons);
        config.put("hidden_act", ModelConfig.name(activation));
        config.put("rms_norm_eps", epsilon);
        RotaryConfig.write(rotary, config);
        config.put("attention_bias", relative != Relative.QWEN2 && inputBias);
        config.put("mlp_bias", mlpBias);
        if (relative == Relative.SMOLLM3) {
            config.put(
                    "no_rope_layers",
                    IntStream.range(0, layers)
                            .mapToObj(n -> unturned.contains(n) ? 0 : 1)
                            .toList());
        }
        if (!windows.isEmpty()) {
            config.put("use_sliding_window", true);
            config.put(
                    "sliding_window", windows.stream().mapToInt(Integer::intValue).min().orElse(1));
            config.put(
                    "layer_types",
                    windows.stream()
                            .map(w -> w < CausalMask.ALL ? "sliding_attention" : "full_attention")
                            .toList());
        } else if (relative == Relative.MISTRAL) {
            config.put("sliding_window", null);
        }
        config.put("tie_word_embeddings", tied);
        return config;
    }

    /// Reads the configurations of all relatives.
    private static final class OfLlama implements Family {
        @Override
        public List<String> modelTypes() {
            return List.of("llama", "mistral", "qwen2", "qwen3", "smollm3");
        }

        @Override
        public LanguageModel read(ModelConfig config) {
            Relative relative =
                    Relative.valueOf(
                            config.text("model_type").orElse("llama").toUpperCase(Locale.ROOT));
            boolean qwen = relative == Relative.QWEN2 || relative == Relative.QWEN3;
            int width = config.size("hidden_size", "n_embd");
            int layers = config.size("num_hidden_layers", "n_layer");
            int heads = config.size("num_attention_heads", "n_head");
            int keyHeads = config.sizeOr(heads, "num_key_value_heads");
            if (heads % keyHeads != 0
                    && config.isSound("num_attention_heads", "num_key_value_heads")) {
                config.problem(
                        "num_attention_heads must be a multiple of num_key_value_heads, got %d, %d",
                        heads, keyHeads);
            }
            boolean fits = config.has("head_dim") || width % heads == 0;
            if (!fits && config.isSound("hidden_size", "num_attention_heads")) {
                config.problem(
                        "hidden_size must be a multiple of num_attention_heads, got %d, %d",
                        width, heads);
            }
            int headWidth = config.sizeOr(Math.max(1, width / heads), "head_dim");
            if (fits
                    && headWidth % 2 == 1
                    && config.isSound("hidden_size", "num_attention_heads", "head_dim")) {
                config.problem("head_dim must be even, got %d", headWidth);
            }
            int length = config.size("max_position_embeddings", "n_positions", "n_ctx");
            Rotary rotary =
                    new RotaryConfig(config)
                            .rotary(relative == Relative.SMOLLM3 ? 2e6 : 10_000, length);
            boolean bias = config.flag(false, "attention_bias");
            return new Llama(
                    relative,
                    config.size("vocab_size"),
                    length,
                    width,
                    layers,
                    heads,
                    keyHeads,
                    headWidth,
                    config.size("intermediate_size", "n_inner"),
                    config.activationOr(Activation.SILU, "hidden_act", "activation_function"),
                    config.positiveOr(1e-6, "rms_norm_eps", "layer_norm_epsilon"),
                    rotary,
                    relative == Relative.SMOLLM3 ? unturned(config, layers) : List.of(),
                    windows(config, layers, relative),
                    relative == Relative.QWEN2 || bias,
                    relative != Relative.QWEN2 && bias,
                    !qwen && config.flag(false, "mlp_bias"),
                    relative == Relative.QWEN3,
                    config.flag(relative == Relative.SMOLLM3, "tie_word_embeddings"));
        }

        /// The blocks without position embeddings: those of a 0 in `no_rope_layers`, or else each
        /// last one of `no_rope_layer_interval`.
        private static List<Integer> unturned(ModelConfig config, int layers) {
            Optional<List<?>> given = config.list("no_rope_layers");
            if (given.isPresent() && given.get().size() < layers) {
                config.problem(
                        "no_rope_layers must have an entry for each of %d blocks, got %d",
                        layers, given.get().size());
                return List.of();
            }
            int interval = config.sizeOr(4, "no_rope_layer_interval");
            return IntStream.range(0, Math.min(layers, ModelConfig.MOST_LAYERS))
                    .filter(n ->
                            given.isPresent()
                                    ? given.get().get(n) instanceof Number turned
                                            && turned.intValue() == 0
                                    : (n + 1) % interval == 0)
                    .boxed()
                    .toList();
        }

        /// How many positions each block sees; empty where all see all.
        private static List<Integer> windows(ModelConfig config, int layers, Relative relative) {
            boolean used =
                    relative == Relative.MISTRAL
                            || (relative != Relative.LLAMA
                                    && config.flag(false, "use_sliding_window"));
            if (!used || !config.has("sliding_window")) {
                return List.of();
            }
            int window = config.size("sliding_window");
            Optional<List<?>> types = config.list("layer_types");
            int from = config.sizeOr(layers, "max_window_layers");
            List<Integer> windows =
                    IntStream.range(0, Math.min(layers, ModelConfig.MOST_LAYERS))
                            .mapToObj(n -> {
                                boolean local =
                                        (types.isPresent() && n < types.get().size())
                                                ? types.get().get(n).equals("sliding_attention")
                                                : relative == Relative.MISTRAL || n >= from;
                                return local ? window : CausalMask.ALL;
                            })
                            .toList();
            return windows.stream().allMatch(w -> w == CausalMask.ALL) ? List.of() : windows;
        }
    }
}
