package cleave.model;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;

/// Goodfire's `LlamaSimple` and `LlamaSimpleMLP`: Llama with the names of GPT-2, without biases,
/// its head tied; in the second the MLP has two layers and GELU in place of a gate.
///
/// Weights: `wte.weight [tokens, d]`; for each block N `h.N.rms_1.weight`, `h.N.rms_2.weight`
/// `[d]`, `h.N.attn.q_proj.weight [d, d]`, `k_proj` and `v_proj` `[key_heads d_head, d]`, `o_proj
/// [d, d]`, `h.N.mlp.c_fc.weight [neurons, d]` or `gate_proj` and `up_proj`, `h.N.mlp.down_proj [d,
/// neurons]`; then `ln_f.weight [d]`.
///
/// @param gated whether it is `LlamaSimple`
/// @param tokens size of the vocabulary
/// @param length longest sequence
/// @param width d, the width of the residual stream
/// @param layers number of blocks
/// @param heads of queries; they share the width
/// @param keyHeads of keys and values
/// @param neurons of each MLP
/// @param epsilon of the norms
/// @param rotary the frequencies of rotary position embeddings
public record LlamaSimple(
        boolean gated,
        int tokens,
        int length,
        int width,
        int layers,
        int heads,
        int keyHeads,
        int neurons,
        double epsilon,
        Rotary rotary)
        implements LanguageModel.OfParts {

    /// How the family is read from published files.
    public static final Family FAMILY = new OfLlamaSimple();

    private static final String GATED = "LlamaSimple";
    private static final String PLAIN = "LlamaSimpleMLP";

    @Override
    public Layout layout() {
        Layout layout = new Layout("a " + (gated ? GATED : PLAIN), "", length);
        layout.embedding("wte", tokens, width);
        for (int layer = 0; layer < layers; layer++) {
            layout.add(block("h.%d.".formatted(layer), layout));
        }
        layout.last(layout.rmsNorm("ln_f", width, epsilon));
        layout.head("lm_head", tokens, width, true, false);
        return layout;
    }

    private Block block(String name, Layout layout) {
        int headWidth = width / heads;
        long keys = (long) keyHeads * headWidth;
        Norm first = layout.rmsNorm(name + "rms_1", width, epsilon);
        Projection q = layout.map(name + "attn.q_proj", "attn.q", width, width, false);
        Projection k = layout.map(name + "attn.k_proj", "attn.k", width, keys, false);
        Projection v = layout.map(name + "attn.v_proj", "attn.v", width, keys, false);
        Projection o = layout.map(name + "attn.o_proj", "attn.o", width, width, false);
        Norm second = layout.rmsNorm(name + "rms_2", width, epsilon);
        return new Block(
                first,
                new SelfAttention(
                        new Projections.Split(q, k, v),
                        PositionCode.rotary(rotary, headWidth, headWidth),
                        Heads.of(heads, keyHeads),
                        Optional.of(o)),
                Optional.of(new Block.Second(second, mlp(name + "mlp.", layout))));
    }

    private Mlp mlp(String name, Layout layout) {
        if (gated) {
            Projection gate = layout.map(name + "gate_proj", "mlp.gate", width, neurons, false);
            Projection up = layout.map(name + "up_proj", "mlp.in", width, neurons, false);
            return Mlp.gated(gate, Activation.SILU, up, down(name, layout));
        }
        Projection first = layout.map(name + "c_fc", "mlp.in", width, neurons, false);
        return Mlp.twoLayers(first, Activation.GELU_NEW, down(name, layout));
    }

    private Projection down(String name, Layout layout) {
        return layout.map(name + "down_proj", "mlp.out", neurons, width, false);
    }

    @Override
    public Family family() {
        return FAMILY;
    }

    @Override
    public SequencedMap<String, Object> configuration() {
        SequencedMap<String, Object> config = new LinkedHashMap<>();
        config.put("model_type", gated ? GATED : PLAIN);
        config.put("vocab_size", tokens);
        config.put("n_ctx", length);
        config.put("n_embd", width);
        config.put("n_layer", layers);
        config.put("n_head", heads);
        config.put("n_key_value_heads", keyHeads);
        config.put("n_intermediate", neurons);
        config.put("rms_norm_eps", epsilon);
        RotaryConfig.write(rotary, config);
        return config;
    }

    /// Reads the configuration. `rotary_dim` has no effect in the original either, where the whole
    /// head is turned.
    private static final class OfLlamaSimple implements Family {
        @Override
        public List<String> modelTypes() {
            return List.of(PLAIN, GATED);
        }

        @Override
        public String prefix() {
            return "";
        }

        @Override
        public String layersKey() {
            return "n_layer";
        }

        @Override
        public LanguageModel read(ModelConfig config) {
            boolean gated = config.text("model_type").orElse(PLAIN).equals(GATED);
            int width = config.size("n_embd", "hidden_size");
            int heads = config.size("n_head", "num_attention_heads");
            int keyHeads =
                    config.flag(true, "use_grouped_query_attention")
                            ? config.sizeOr(heads, "n_key_value_heads", "num_key_value_heads")
                            : heads;
            boolean sound =
                    config.isSound("n_embd", "n_head", "n_key_value_heads", "num_key_value_heads");
            if (sound && (width % heads != 0 || heads % keyHeads != 0 || width / heads % 2 != 0)) {
                config.problem(
                        "n_embd must be an even multiple of n_head, and n_head a multiple of n_key_value_heads, got %d, %d, %d",
                        width, heads, keyHeads);
            }
            int length = config.size("n_ctx", "block_size", "max_position_embeddings");
            config.require("rotary_adjacent_pairs", false);
            config.require("attn_bias", false);
            config.require("mlp_bias", false);
            return new LlamaSimple(
                    gated,
                    config.size("vocab_size"),
                    length,
                    width,
                    config.size("n_layer", "num_hidden_layers"),
                    heads,
                    keyHeads,
                    config.sizeOr(
                            gated ? (int) Math.min(1 << 30, 8L * width / 3) : 4 * width,
                            "n_intermediate",
                            "intermediate_size"),
                    config.positiveOr(1e-6, "rms_norm_eps"),
                    new RotaryConfig(config).rotary(10_000, length));
        }
    }
}
