package cleave.hub;

import cleave.config.NearestName;
import cleave.config.UserError;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// A model in a GGUF file, said as Hugging Face's files say it: its settings as a `config.json`,
/// its tensors under the names and in the layout of transformers.
///
/// What llama.cpp's converter changes is undone: it stores the rows of a Llama's q and k in the
/// order of its own rotation, GPT-2's matrices the other way round, and GPT-NeoX's queries, keys
/// and values each together instead of head by head.
final class GgufModel {
    private static final JsonMapper JSON = JsonMapper.builder().build();
    private static final String HEADS = "attention.head_count";
    private static final String KEY_HEADS = "attention.head_count_kv";
    private static final Pattern BLOCK = Pattern.compile("blk\\.(\\d{1,6})\\.(.+)");
    private static final String EMBEDDING = "token_embd.weight";
    private static final String HEAD = "output.weight";
    private static final String FACTORS = "rope_freqs.weight";
    private static final long LLAMA3_CONTEXT = 8192;

    /// An architecture that is read.
    ///
    /// @param kind the `model_type` of its `config.json`
    /// @param outer names of tensors outside blocks
    /// @param prefix of a block's tensors; its number follows
    /// @param inner names of a block's tensors, without `.weight` and `.bias`
    private record Architecture(
            String kind, Map<String, String> outer, String prefix, Map<String, String> inner) {}

    private static final Map<String, String> LLAMA_OUTER =
            Map.of(
                    "token_embd", "model.embed_tokens",
                    "output_norm", "model.norm",
                    "output", "lm_head");
    private static final Map<String, String> LLAMA_INNER =
            Map.ofEntries(
                    Map.entry("attn_norm", "input_layernorm"),
                    Map.entry("attn_q", "self_attn.q_proj"),
                    Map.entry("attn_k", "self_attn.k_proj"),
                    Map.entry("attn_v", "self_attn.v_proj"),
                    Map.entry("attn_output", "self_attn.o_proj"),
                    Map.entry("attn_q_norm", "self_attn.q_norm"),
                    Map.entry("attn_k_norm", "self_attn.k_norm"),
                    Map.entry("ffn_norm", "post_attention_layernorm"),
                    Map.entry("ffn_gate", "mlp.gate_proj"),
                    Map.entry("ffn_up", "mlp.up_proj"),
                    Map.entry("ffn_down", "mlp.down_proj"));
    private static final SortedMap<String, Architecture> ARCHITECTURES =
            new TreeMap<>(
                    Map.of(
                            "llama",
                            new Architecture("llama", LLAMA_OUTER, "model.layers.", LLAMA_INNER),
                            "qwen2",
                            new Architecture("qwen2", LLAMA_OUTER, "model.layers.", LLAMA_INNER),
                            "qwen3",
                            new Architecture("qwen3", LLAMA_OUTER, "model.layers.", LLAMA_INNER),
                            "gpt2",
                            new Architecture(
                                    "gpt2",
                                    Map.of(
                                            "token_embd", "transformer.wte",
                                            "position_embd", "transformer.wpe",
                                            "output_norm", "transformer.ln_f",
                                            "output", "lm_head"),
                                    "transformer.h.",
                                    Map.of(
                                            "attn_norm", "ln_1",
                                            "attn_qkv", "attn.c_attn",
                                            "attn_output", "attn.c_proj",
                                            "ffn_norm", "ln_2",
                                            "ffn_up", "mlp.c_fc",
                                            "ffn_down", "mlp.c_proj")),
                            "gptneox",
                            new Architecture(
                                    "gpt_neox",
                                    Map.of(
                                            "token_embd", "gpt_neox.embed_in",
                                            "output_norm", "gpt_neox.final_layer_norm",
                                            "output", "embed_out"),
                                    "gpt_neox.layers.",
                                    Map.of(
                                            "attn_norm", "input_layernorm",
                                            "attn_qkv", "attention.query_key_value",
                                            "attn_output", "attention.dense",
                                            "ffn_norm", "post_attention_layernorm",
                                            "ffn_up", "mlp.dense_h_to_4h",
                                            "ffn_down", "mlp.dense_4h_to_h"))));

    private final Gguf gguf;
    private final String name;
    private final Architecture architecture;
    private final List<String> problems = new ArrayList<>();

    private GgufModel(Gguf gguf, String name, Architecture architecture) {
        this.gguf = gguf;
        this.name = name;
        this.architecture = architecture;
    }

    /// The model of a file.
    ///
    /// @throws UserError when its architecture is none of those that are read
    static GgufModel of(Gguf gguf) {
        Object name = gguf.settings().get("general.architecture");
        Architecture known = name instanceof String text ? ARCHITECTURES.get(text) : null;
        if (known == null) {
            throw new UserError(
                    "general.architecture of a GGUF file must be one of %s, got %s (%s)"
                            .formatted(
                                    String.join(", ", ARCHITECTURES.keySet()),
                                    name == null ? "nothing" : name,
                                    gguf.file()));
        }
        return new GgufModel(gguf, String.valueOf(name), known);
    }

    /// The file.
    Path file() {
        return gguf.file();
    }

    /// The tensors by the names that transformers gives them.
    ///
    /// @throws UserError naming a tensor that no such architecture has
    SortedMap<String, StoredTensor> tensors() {
        boolean tied = isTied();
        long heads = whole(HEADS, null);
        long keyHeads = whole(KEY_HEADS, heads);
        SortedMap<String, StoredTensor> tensors = new TreeMap<>();
        for (Map.Entry<String, Gguf.Entry> named : gguf.tensors().entrySet()) {
            String stored = named.getKey();
            if (stored.equals(FACTORS) || (tied && stored.equals(HEAD))) {
                continue;
            }
            tensors.put(renamed(stored), tensor(stored, named.getValue(), heads, keyHeads));
        }
        throwIfAny();
        return tensors;
    }

    private String renamed(String stored) {
        int dot = Math.max(0, stored.lastIndexOf('.'));
        String stem = stored.substring(0, dot);
        Matcher block = BLOCK.matcher(stem);
        boolean inner = block.matches();
        String known =
                inner ? architecture.inner().get(block.group(2)) : architecture.outer().get(stem);
        if (known == null) {
            String near =
                    NearestName.of(
                                    inner ? block.group(2) : stem,
                                    (inner ? architecture.inner() : architecture.outer()).keySet())
                            .map(name -> ", the nearest is " + name)
                            .orElse("");
            throw new UserError(
                    "tensor must be one of architecture %s, got %s%s (%s)"
                            .formatted(name, stored, near, gguf.file()));
        }
        String ending = stored.substring(dot);
        return inner
                ? architecture.prefix() + block.group(1) + "." + known + ending
                : known + ending;
    }

    private StoredTensor tensor(String stored, Gguf.Entry entry, long heads, long keyHeads) {
        List<Long> shape = entry.shape();
        UnaryOperator<Tensor> layout = UnaryOperator.identity();
        if (name.equals("llama") && stored.matches("blk\\.\\d+\\.attn_[qk]\\.(weight|bias)")) {
            layout = halves(stored, shape, stored.contains("attn_q.") ? heads : keyHeads);
        } else if (name.equals("gpt2") && stored.startsWith("blk.") && shape.size() == 2) {
            layout = matrix -> matrix.t().contiguous();
            shape = shape.reversed();
        } else if (name.equals("gptneox") && stored.contains(".attn_qkv.")) {
            layout = byHead(stored, shape, heads);
        }
        UnaryOperator<Tensor> last = layout;
        return new StoredTensor(
                entry.type().name(),
                shape,
                entry.bytes(),
                gguf.file(),
                type -> last.apply(gguf.read(stored, type)));
    }

    /// In each head the rows alternate between its halves; here the first half comes first.
    private UnaryOperator<Tensor> halves(String stored, List<Long> shape, long heads) {
        long rows = shape.getFirst();
        if (heads < 1 || rows % (2 * heads) != 0) {
            problems.add(
                    "tensor %s must have a multiple of %d rows, two for each head, got %s"
                            .formatted(stored, 2 * heads, shape));
            return UnaryOperator.identity();
        }
        return tensor -> reordered(tensor, heads, rows / heads / 2, 2);
    }

    /// All queries, then all keys, then all values; here those of a head are together.
    private UnaryOperator<Tensor> byHead(String stored, List<Long> shape, long heads) {
        long rows = shape.getFirst();
        if (heads < 1 || rows % (3 * heads) != 0) {
            problems.add(
                    "tensor %s must have a multiple of %d rows, three for each head, got %s"
                            .formatted(stored, 3 * heads, shape));
            return UnaryOperator.identity();
        }
        return tensor -> {
            long[] whole = tensor.shape();
            return tensor.view(3, heads, tensor.numel() / 3 / heads)
                    .transpose(0, 1)
                    .contiguous()
                    .view(whole);
        };
    }

    private static Tensor reordered(Tensor tensor, long heads, long first, long second) {
        long[] whole = tensor.shape();
        return tensor.view(heads, first, second, tensor.numel() / heads / first / second)
                .transpose(1, 2)
                .contiguous()
                .view(whole);
    }

    private boolean isTied() {
        return !gguf.tensors().containsKey(HEAD) || gguf.same(EMBEDDING, HEAD);
    }

    /// The configuration, in the spelling that every release of transformers reads.
    ///
    /// @throws UserError naming all settings that are missing, malformed or not supported
    ObjectNode config() {
        ObjectNode config = JSON.createObjectNode();
        config.putArray("architectures").add(className());
        config.put("model_type", architecture.kind());
        Gguf.Entry embedding = gguf.tensors().get(EMBEDDING);
        if (embedding == null) {
            problems.add("tensor %s is missing".formatted(EMBEDDING));
        } else {
            config.put("vocab_size", embedding.shape().getFirst());
        }
        if (given("expert_count") instanceof Long experts && experts > 0) {
            problems.add(
                    "%s.expert_count must be 0, mixtures are not read, got %d"
                            .formatted(name, experts));
        }
        switch (name) {
            case "gpt2" -> gpt2(config);
            case "gptneox" -> gptNeox(config);
            default -> llama(config);
        }
        config.put("tie_word_embeddings", isTied());
        config.put("torch_dtype", "float32");
        token(config, "bos_token_id");
        token(config, "eos_token_id");
        throwIfAny();
        return config;
    }

    private String className() {
        return switch (name) {
            case "llama" -> "LlamaForCausalLM";
            case "qwen2" -> "Qwen2ForCausalLM";
            case "qwen3" -> "Qwen3ForCausalLM";
            case "gpt2" -> "GPT2LMHeadModel";
            default -> "GPTNeoXForCausalLM";
        };
    }

    private void gpt2(ObjectNode config) {
        config.put("n_positions", whole("context_length", null));
        config.put("n_embd", whole("embedding_length", null));
        config.put("n_layer", whole("block_count", null));
        config.put("n_head", whole(HEADS, null));
        config.put("n_inner", whole("feed_forward_length", null));
        config.put("activation_function", "gelu_new");
        config.put("layer_norm_epsilon", number("attention.layer_norm_epsilon", null));
    }

    private void gptNeox(ObjectNode config) {
        long width = whole("embedding_length", null);
        long heads = whole(HEADS, null);
        sizes(config, width, heads);
        config.put("hidden_act", "gelu");
        config.put("layer_norm_eps", number("attention.layer_norm_epsilon", null));
        config.put("rotary_emb_base", number("rope.freq_base", 10000.0));
        long head = Math.max(1, width / Math.max(1, heads));
        config.put("rotary_pct", (double) whole("rope.dimension_count", head) / head);
        Object parallel = given("use_parallel_residual");
        if (parallel != null && !(parallel instanceof Boolean)) {
            problems.add(
                    "%s.use_parallel_residual must be true or false, got %s"
                            .formatted(name, parallel));
        }
        config.put("use_parallel_residual", !Boolean.FALSE.equals(parallel));
        config.put("attention_bias", gguf.tensors().containsKey("blk.0.attn_qkv.bias"));
    }

    private void llama(ObjectNode config) {
        long width = whole("embedding_length", null);
        long heads = whole(HEADS, null);
        sizes(config, width, heads);
        config.put("num_key_value_heads", whole(KEY_HEADS, heads));
        long head = whole("attention.key_length", width / Math.max(1, heads));
        config.put("head_dim", head);
        only("attention.value_length", head);
        only("rope.dimension_count", head);
        config.put("hidden_act", "silu");
        config.put("rms_norm_eps", number("attention.layer_norm_rms_epsilon", null));
        config.put("rope_theta", number("rope.freq_base", 10000.0));
        scaling(head).ifPresent(scaling -> config.set("rope_scaling", scaling));
        boolean bias = gguf.tensors().containsKey("blk.0.attn_q.bias");
        config.put("attention_bias", bias);
        if (name.equals("llama")) {
            config.put("mlp_bias", gguf.tensors().containsKey("blk.0.ffn_up.bias"));
        } else {
            config.put("use_sliding_window", false);
        }
        if (given("attention.sliding_window") instanceof Long window && window > 0) {
            config.put("sliding_window", window);
            config.put("use_sliding_window", true);
        }
    }

    private void sizes(ObjectNode config, long width, long heads) {
        config.put("hidden_size", width);
        config.put("intermediate_size", whole("feed_forward_length", null));
        config.put("num_hidden_layers", whole("block_count", null));
        config.put("num_attention_heads", heads);
        config.put("max_position_embeddings", whole("context_length", null));
    }

    /// How rotations of long texts are slowed down: said by settings, or, for Llama 3, by a tensor
    /// of factors that the numbers of its configuration give.
    private Optional<ObjectNode> scaling(long head) {
        Object kind = given("rope.scaling.type");
        if (gguf.tensors().containsKey(FACTORS)) {
            return llama3(head);
        }
        if (kind == null || kind.equals("none")) {
            return Optional.empty();
        }
        if (!kind.equals("linear") && !kind.equals("yarn")) {
            problems.add(
                    "%s.rope.scaling.type must be none, linear or yarn, got %s"
                            .formatted(name, kind));
        }
        ObjectNode scaling = JSON.createObjectNode();
        scaling.put("rope_type", String.valueOf(kind));
        scaling.put("factor", number("rope.scaling.factor", null));
        if (given("rope.scaling.original_context_length") != null) {
            scaling.put(
                    "original_max_position_embeddings",
                    whole("rope.scaling.original_context_length", null));
        }
        return Optional.of(scaling);
    }

    /// The factors must be those of Llama 3.1 and later with some factor, for other numbers cannot
    /// be told apart.
    private Optional<ObjectNode> llama3(long head) {
        double theta = number("rope.freq_base", 10000.0);
        float[] factors = Scopes.run(() -> Tensors.toFloats(gguf.read(FACTORS, Type.FLOAT)));
        float largest = 1;
        for (float factor : factors) {
            largest = Math.max(largest, factor);
        }
        boolean known = factors.length == head / 2;
        for (int i = 0; known && i < factors.length; i++) {
            double expected = factor(2 * Math.PI * Math.pow(theta, 2.0 * i / head), largest);
            known = Math.abs(factors[i] - expected) <= 1e-4 * expected;
        }
        if (!known && problems.isEmpty()) { // else the size of a head is none
            problems.add(
                    "tensor %s must hold the factors of a Llama 3 rotation over %d positions"
                                    .formatted(FACTORS, LLAMA3_CONTEXT)
                            + ", got others, which no configuration says");
        }
        if (!known) {
            return Optional.empty();
        }
        ObjectNode scaling = JSON.createObjectNode();
        scaling.put("rope_type", "llama3");
        scaling.put("factor", (double) largest);
        scaling.put("low_freq_factor", 1.0);
        scaling.put("high_freq_factor", 4.0);
        scaling.put("original_max_position_embeddings", LLAMA3_CONTEXT);
        return Optional.of(scaling);
    }

    /// By what a wave of this length is stretched: long ones by the whole factor, short ones not.
    private static double factor(double length, double factor) {
        double turns = LLAMA3_CONTEXT / length;
        if (turns > 4) {
            return 1;
        }
        if (turns < 1) {
            return factor;
        }
        double smooth = (turns - 1) / 3;
        return 1 / ((1 - smooth) / factor + smooth);
    }

    private void token(ObjectNode config, String key) {
        if (gguf.settings().get("tokenizer.ggml." + key) instanceof Long id) {
            config.put(key, id);
        }
    }

    private @Nullable Object given(String key) {
        return gguf.settings().get(name + "." + key);
    }

    private long whole(String key, @Nullable Long otherwise) {
        Object value = given(key);
        if (value == null && otherwise != null) {
            return otherwise;
        }
        if (value instanceof Long number && number >= 1 && number <= Integer.MAX_VALUE) {
            return number;
        }
        String problem =
                "%s.%s must be one whole number >= 1, got %s"
                        .formatted(name, key, value == null ? "nothing" : value);
        if (!problems.contains(problem)) {
            problems.add(problem);
        }
        return 1;
    }

    private void only(String key, long required) {
        long value = whole(key, required);
        if (value != required && problems.isEmpty()) { // else the size of a head is none
            problems.add(
                    "%s.%s must be %d, the size of a head, got %d"
                            .formatted(name, key, required, value));
        }
    }

    private double number(String key, @Nullable Double otherwise) {
        Object value = given(key);
        if (value == null && otherwise != null) {
            return otherwise;
        }
        if (value instanceof Double number && number > 0 && Double.isFinite(number)) {
            return number;
        }
        problems.add(
                "%s.%s must be a number > 0, got %s"
                        .formatted(name, key, value == null ? "nothing" : value));
        return 1;
    }

    private void throwIfAny() {
        if (!problems.isEmpty()) {
            throw new UserError(
                    String.format(
                            Locale.ROOT,
                            "GGUF file must be a model of architecture %s, got %d problem%s (%s)\n  %s",
                            name,
                            problems.size(),
                            problems.size() == 1 ? "" : "s",
                            gguf.file(),
                            String.join("\n  ", problems)));
        }
    }
}
