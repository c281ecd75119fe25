package cleave.model;

import java.util.List;
import java.util.regex.Pattern;

/// GPT-2 as Hugging Face's tools keep it.
final class Gpt2Family implements Family {
    private static final Pattern BUFFER = Pattern.compile("h\\.\\d+\\.attn\\.(masked_)?bias");

    @Override
    public List<String> modelTypes() {
        return List.of("gpt2");
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
        return "n_layer";
    }

    @Override
    public LanguageModel read(ModelConfig config) {
        int width = config.size("n_embd", "hidden_size");
        int heads = config.heads(width, "n_embd", "n_head", "num_attention_heads");
        ModelSpec.Gpt2 spec =
                new ModelSpec.Gpt2(
                        config.size("vocab_size"),
                        config.size("n_positions", "max_position_embeddings", "n_ctx"),
                        width,
                        config.size("n_layer", "num_hidden_layers"),
                        heads,
                        config.sizeOr(4 * width, "n_inner", "intermediate_size"),
                        config.activationOr(
                                Activation.GELU_NEW,
                                List.of(Activation.GELU_NEW, Activation.GELU, Activation.RELU),
                                "activation_function",
                                "hidden_act"),
                        config.positiveOr(1e-5, "layer_norm_epsilon", "layer_norm_eps"),
                        config.flag(true, "tie_word_embeddings"));
        config.require("scale_attn_weights", true);
        config.require("scale_attn_by_inverse_layer_idx", false);
        config.require("add_cross_attention", false);
        return spec;
    }
}
