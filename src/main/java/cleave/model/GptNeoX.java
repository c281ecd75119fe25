package cleave.model;

import cleave.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.regex.Pattern;

/// GPT-NeoX, the family of Pythia: layer norms, rotary position embeddings of a part of each head,
/// and attention and MLP side by side.
///
/// Weights: `embed_in.weight [tokens, d]`; for each block N `layers.N.input_layernorm` and
/// `post_attention_layernorm` (`weight`, `bias` `[d]`), `layers.N.attention.query_key_value.weight
/// [3 d, d]`, `attention.dense [d, d]`, `mlp.dense_h_to_4h [neurons, d]`, `mlp.dense_4h_to_h [d,
/// neurons]`, all with biases; then `final_layer_norm` and, unless tied, `embed_out.weight [tokens,
/// d]`.
///
/// Published files hold queries, keys and values of `query_key_value` head by head. In memory the
/// outputs are all queries, all keys, all values, so that each is a part that can be decomposed
/// alone; what is written has the published order again.
///
/// @param tokens size of the vocabulary
/// @param length longest sequence
/// @param width d, the width of the residual stream
/// @param layers number of blocks
/// @param heads of each block; they share the width
/// @param neurons of each MLP
/// @param activation of each MLP
/// @param epsilon of the norms
/// @param rotary the frequencies of rotary position embeddings
/// @param turned how many numbers of each head are turned
/// @param bias whether attention's maps have biases
/// @param parallel whether the MLP reads the stream before attention
/// @param tied whether the head is the token embedding
public record GptNeoX(
        int tokens,
        int length,
        int width,
        int layers,
        int heads,
        int neurons,
        Activation activation,
        double epsilon,
        Rotary rotary,
        int turned,
        boolean bias,
        boolean parallel,
        boolean tied)
        implements LanguageModel.OfParts {

    /// How the family is read from published files.
    public static final Family FAMILY = new OfGptNeoX();

    private static final String FUSED = "attention.query_key_value";

    @Override
    public Layout layout() {
        Layout layout = new Layout("a gpt_neox", FAMILY.prefix(), length);
        layout.embedding("embed_in", tokens, width);
        for (int layer = 0; layer < layers; layer++) {
            layout.add(block("layers.%d.".formatted(layer), layout));
        }
        layout.last(layout.layerNorm("final_layer_norm", width, epsilon));
        layout.head("embed_out", tokens, width, tied, false);
        return layout;
    }

    private Block block(String name, Layout layout) {
        Norm first = layout.layerNorm(name + "input_layernorm", width, epsilon);
        Projections maps =
                layout.fused(name + FUSED, width, width, width, bias, Layout.Order.OUTPUT_FIRST);
        Projection output = layout.map(name + "attention.dense", "attn.o", width, width, bias);
        Norm second = layout.layerNorm(name + "post_attention_layernorm", width, epsilon);
        Projection up = layout.map(name + "mlp.dense_h_to_4h", "mlp.in", width, neurons, true);
        Projection down = layout.map(name + "mlp.dense_4h_to_h", "mlp.out", neurons, width, true);
        return new Block(
                first,
                new SelfAttention(
                        maps,
                        turned == 0
                                ? PositionCode.NONE
                                : PositionCode.rotary(rotary, width / heads, turned),
                        Heads.of(heads),
                        Optional.of(output)),
                Optional.of(new Block.Second(second, Mlp.twoLayers(up, activation, down))),
                parallel);
    }

    @Override
    public Family family() {
        return FAMILY;
    }

    @Override
    public SequencedMap<String, Object> configuration() {
        SequencedMap<String, Object> config = new LinkedHashMap<>();
        config.put("architectures", List.of("GPTNeoXForCausalLM"));
        config.put("model_type", "gpt_neox");
        config.put("vocab_size", tokens);
        config.put("max_position_embeddings", length);
        config.put("hidden_size", width);
        config.put("num_hidden_layers", layers);
        config.put("num_attention_heads", heads);
        config.put("intermediate_size", neurons);
        config.put("hidden_act", ModelConfig.name(activation));
        config.put("layer_norm_eps", epsilon);
        config.put("rotary_emb_base", rotary.base());
        config.put("rotary_pct", (double) turned * heads / width);
        RotaryConfig.write(rotary, config);
        config.put("attention_bias", bias);
        config.put("use_parallel_residual", parallel);
        config.put("tie_word_embeddings", tied);
        return config;
    }

    /// Reads the configuration, and turns `query_key_value`.
    private static final class OfGptNeoX implements Family {
        private static final Pattern BUFFER =
                Pattern.compile(
                        "layers\\.\\d+\\.attention\\.(masked_bias|bias|rotary_emb\\.inv_freq)");

        @Override
        public List<String> modelTypes() {
            return List.of("gpt_neox");
        }

        @Override
        public String prefix() {
            return "gpt_neox.";
        }

        @Override
        public boolean isBuffer(String name) {
            return BUFFER.matcher(name).matches();
        }

        @Override
        public boolean isHead(String name) {
            return name.startsWith("embed_out.") || name.startsWith("lm_head.");
        }

        @Override
        public LanguageModel read(ModelConfig config) {
            int width = config.size("hidden_size", "n_embd");
            int heads = config.heads(width, "hidden_size", "num_attention_heads", "n_head");
            int length = config.size("max_position_embeddings", "n_positions");
            RotaryConfig rotary = new RotaryConfig(config);
            int perHead = width / heads;
            int turned = (int) (perHead * rotary.share(0.25));
            if ((turned % 2 == 1 || turned > width / heads)
                    && width % heads == 0
                    && config.isSound("hidden_size", "num_attention_heads", "rotary_pct")) {
                config.problem(
                        "rotary_pct must be an even part of a head of %d, got %d numbers",
                        width / heads, turned);
            }
            return new GptNeoX(
                    config.size("vocab_size"),
                    length,
                    width,
                    config.size("num_hidden_layers", "n_layer"),
                    heads,
                    config.size("intermediate_size", "n_inner"),
                    config.activationOr(Activation.GELU, "hidden_act", "activation_function"),
                    config.positiveOr(1e-5, "layer_norm_eps", "layer_norm_epsilon"),
                    rotary.rotary(10_000, length),
                    turned,
                    config.flag(true, "attention_bias"),
                    config.flag(true, "use_parallel_residual"),
                    config.flag(false, "tie_word_embeddings"));
        }

        @Override
        public Tensor fromFile(LanguageModel model, String name, Tensor stored) {
            return swapped(model, name, stored, ((GptNeoX) model).heads, 3);
        }

        @Override
        public Tensor toFile(LanguageModel model, String name, Tensor weight) {
            return swapped(model, name, weight, 3, ((GptNeoX) model).heads);
        }

        /// Outputs `[first, second, d_head]` as `[second, first, d_head]`.
        private static Tensor swapped(
                LanguageModel model, String name, Tensor x, long first, long second) {
            if (!name.contains(FUSED)) {
                return x;
            }
            GptNeoX neox = (GptNeoX) model;
            long inner = x.numel() / (3L * neox.heads); // numbers of a head, of all its inputs
            return x.reshape(first, second, inner).transpose(0, 1).contiguous().view(x.shape());
        }
    }
}
