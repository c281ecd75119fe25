package cleave.hub;

import cleave.config.NearestName;
import cleave.config.UserError;
import cleave.model.Gpt2.Activation;
import cleave.tensor.AtomicFile;
import cleave.tensor.Safetensors;
import cleave.tensor.Safetensors.Header;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// A GPT-2 as Hugging Face's tools keep it: `config.json` and the weights in safetensors files.
///
/// Tensors may be named with or without the prefix `transformer.`; the buffers `attn.bias` and
/// `attn.masked_bias`, which are no weights, are passed over, and so is a copy of the token
/// embedding as the head of a model that ties the two.
final class HuggingFace {
    /// The configuration's file.
    static final String CONFIG = "config.json";

    private static final String PREFIX = "transformer.";
    private static final Pattern BLOCK = Pattern.compile("h\\.(\\d{1,6})\\..*");
    private static final int SHOWN = 10; // problems
    private static final Pattern BUFFER = Pattern.compile("h\\.\\d+\\.attn\\.(masked_)?bias");
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    /// The names that activations go by; those of one activation are the same function.
    private static final Map<String, Activation> ACTIVATIONS =
            Map.of(
                    "gelu_new", Activation.GELU_NEW,
                    "gelu_fast", Activation.GELU_NEW,
                    "gelu_pytorch_tanh", Activation.GELU_NEW,
                    "gelu", Activation.GELU,
                    "relu", Activation.RELU);

    private HuggingFace() {}

    /// Whether a folder looks like one.
    static boolean isModel(Path folder) {
        return Files.isRegularFile(folder.resolve(CONFIG));
    }

    /// Reads the configuration.
    ///
    /// @throws UserError naming everything in it that is missing, malformed or not supported
    static ModelSpec.Gpt2 spec(Path folder) {
        Path file = folder.resolve(CONFIG);
        JsonNode config;
        try {
            config = JSON.readTree(Files.readAllBytes(file));
        } catch (JacksonException malformed) {
            throw new UserError(
                    "model's configuration must be JSON, got %s (%s)"
                            .formatted(malformed.getOriginalMessage(), file),
                    malformed);
        } catch (IOException failure) {
            throw new UserError(
                    "model's configuration must be readable, got %s (%s)".formatted(failure, file),
                    failure);
        }
        List<String> problems = new ArrayList<>();
        JsonNode kind = config.path("model_type");
        if (!kind.isString() || !kind.stringValue().equals("gpt2")) {
            throw new UserError(
                    "model_type must be gpt2, the one architecture that is supported, got %s (%s)"
                            .formatted(shown(kind), file));
        }
        Settings settings = new Settings(config, problems);
        int width = settings.size("n_embd");
        int heads = settings.size("n_head");
        ModelSpec.Gpt2 spec =
                new ModelSpec.Gpt2(
                        settings.size("vocab_size"),
                        settings.size("n_positions"),
                        width,
                        settings.size("n_layer"),
                        heads,
                        Settings.isGiven(config.path("n_inner"))
                                ? settings.size("n_inner")
                                : 4 * width,
                        settings.activation(),
                        settings.epsilon(),
                        settings.flag("tie_word_embeddings", true));
        settings.require("scale_attn_weights", true);
        settings.require("scale_attn_by_inverse_layer_idx", false);
        settings.require("add_cross_attention", false);
        if (width % heads != 0) {
            problems.add("n_embd must be a multiple of n_head, got %d, %d".formatted(width, heads));
        }
        throwIfAny("model's configuration", file, problems);
        return spec;
    }

    /// The keys of a configuration. What is wrong becomes a problem, and a value that does no harm.
    private record Settings(JsonNode config, List<String> problems) {

        static boolean isGiven(JsonNode node) {
            return !node.isMissingNode() && !node.isNull();
        }

        int size(String key) {
            JsonNode node = config.path(key);
            if (node.isIntegralNumber() && node.canConvertToInt() && node.intValue() >= 1) {
                return node.intValue();
            }
            problems.add("%s must be a whole number >= 1, got %s".formatted(key, shown(node)));
            return 1;
        }

        boolean flag(String key, boolean otherwise) {
            JsonNode node = config.path(key);
            if (isGiven(node) && !node.isBoolean()) {
                problems.add("%s must be true or false, got %s".formatted(key, shown(node)));
            }
            return node.isBoolean() ? node.booleanValue() : otherwise;
        }

        void require(String key, boolean only) {
            if (flag(key, only) != only) {
                problems.add(
                        "%s must be %s, the other is not supported, got %s"
                                .formatted(key, only, !only));
            }
        }

        double epsilon() {
            JsonNode node = config.path("layer_norm_epsilon");
            if (isGiven(node) && !(node.isNumber() && node.doubleValue() > 0)) {
                problems.add("layer_norm_epsilon must be > 0, got " + shown(node));
            }
            return node.isNumber() && node.doubleValue() > 0 ? node.doubleValue() : 1e-5;
        }

        Activation activation() {
            JsonNode node = config.path("activation_function");
            if (!isGiven(node)) {
                return Activation.GELU_NEW;
            }
            Activation known = node.isString() ? ACTIVATIONS.get(node.stringValue()) : null;
            if (known == null) {
                problems.add(
                        "activation_function must be one of %s, got %s"
                                .formatted(
                                        ACTIVATIONS.keySet().stream().sorted().toList(),
                                        shown(node)));
                return Activation.GELU_NEW;
            }
            return known;
        }
    }

    /// A tensor in a file.
    private record Place(Header header, String name) {
        Safetensors.Entry entry() {
            return java.util.Objects.requireNonNull(header.tensors().get(name));
        }
    }

    /// Reads the weights as numbers of `type`, one tensor at a time; the caller closes the map.
    ///
    /// @throws UserError naming every file that cannot be read, or else another number of blocks,
    ///   or else the first tensors that are missing, left over, of another shape or not of floating
    ///   point
    static TensorMap weights(Path folder, ModelSpec.Gpt2 spec, Type type) {
        Path file = WeightFiles.in(folder);
        List<String> problems = new ArrayList<>();
        List<Header> headers = WeightFiles.headers(file, problems);
        throwIfAny("weights", file, problems);
        SortedMap<String, Place> places = places(headers, problems);
        requireBlocks(places.keySet(), spec.layers(), file);
        SortedMap<String, long[]> expected = spec.shape().weights();
        Place copy = spec.tiedHead() ? places.remove(cleave.model.Gpt2.HEAD) : null;
        compare(expected, places, problems);
        throwIfAny("weights", file, problems);
        return Scopes.run(() -> {
            SortedMap<String, Tensor> tensors = new TreeMap<>();
            if (copy != null) {
                requireTied(copy, places, type, file);
            }
            expected.keySet().forEach(name -> tensors.put(name, read(name, places, type)));
            return TensorMap.of(file.toString(), tensors);
        });
    }

    private static Tensor read(String name, SortedMap<String, Place> places, Type type) {
        Place place = java.util.Objects.requireNonNull(places.get(name));
        return Safetensors.read(place.header(), place.name(), type);
    }

    private static SortedMap<String, Place> places(List<Header> headers, List<String> problems) {
        SortedMap<String, Place> places = new TreeMap<>();
        for (Header header : headers) {
            for (String stored : header.tensors().keySet()) {
                String name =
                        stored.startsWith(PREFIX) ? stored.substring(PREFIX.length()) : stored;
                if (!BUFFER.matcher(name).matches()
                        && places.put(name, new Place(header, stored)) != null) {
                    problems.add(
                            "tensor %s must be there once, got it with and without the prefix %s"
                                    .formatted(name, PREFIX));
                }
            }
        }
        return places;
    }

    /// Refuses weights of more or fewer blocks by that alone, before anything is listed by block.
    private static void requireBlocks(Set<String> names, int layers, Path file) {
        int blocks =
                names.stream()
                        .map(BLOCK::matcher)
                        .filter(Matcher::matches)
                        .mapToInt(block -> Integer.parseInt(block.group(1)) + 1)
                        .max()
                        .orElse(0);
        if (blocks != layers) {
            throw new UserError(
                    "weights must have the configuration's n_layer of %d blocks, got %d (%s)"
                            .formatted(layers, blocks, file));
        }
    }

    private static void compare(
            SortedMap<String, long[]> expected,
            SortedMap<String, Place> places,
            List<String> problems) {
        expected.forEach((name, shape) -> {
            Place place = places.get(name);
            if (place == null) {
                problems.add("tensor %s %s is missing".formatted(name, Arrays.toString(shape)));
                return;
            }
            long[] actual = place.entry().shape().stream().mapToLong(Long::longValue).toArray();
            if (!Arrays.equals(actual, shape)) {
                problems.add(
                        "tensor %s must have the shape %s of the configuration, got %s"
                                .formatted(name, Arrays.toString(shape), Arrays.toString(actual)));
            }
            switch (place.entry().type()) {
                case F16, BF16, F32, F64 -> {}
                case BOOL, U8, I32, I64 ->
                        problems.add(
                                "tensor %s must be F16, BF16, F32 or F64, got %s"
                                        .formatted(name, place.entry().type()));
            }
        });
        places.keySet().stream()
                .filter(name -> !expected.containsKey(name))
                .forEach(name ->
                        problems.add(
                                "tensor %s is none of a GPT-2 of this configuration%s"
                                        .formatted(
                                                name,
                                                NearestName.of(name, expected.keySet())
                                                        .map(near -> ", the nearest is " + near)
                                                        .orElse(""))));
    }

    /// Refuses a head of its own in a model whose configuration ties it to the token embedding.
    private static void requireTied(
            Place head, SortedMap<String, Place> places, Type type, Path file) {
        boolean same =
                Scopes.run(() ->
                        Safetensors.read(head.header(), head.name(), type)
                                .equal(read(cleave.model.Gpt2.TOKENS, places, type)));
        if (!same) {
            throw new UserError(
                    "%s must equal %s when tie_word_embeddings is true, got other numbers (%s)"
                            .formatted(cleave.model.Gpt2.HEAD, cleave.model.Gpt2.TOKENS, file));
        }
    }

    /// Writes the files.
    static void save(Path folder, ModelSpec.Gpt2 spec, SortedMap<String, Tensor> weights)
            throws IOException {
        SortedMap<String, Tensor> named = new TreeMap<>();
        weights.forEach((name, tensor) ->
                named.put(name.equals(cleave.model.Gpt2.HEAD) ? name : PREFIX + name, tensor));
        Safetensors.write(folder.resolve(Model.WEIGHTS), named, Map.of("format", "pt"));
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("architectures", List.of("GPT2LMHeadModel"));
        config.put("model_type", "gpt2");
        config.put("vocab_size", spec.vocabulary());
        config.put("n_positions", spec.length());
        config.put("n_embd", spec.width());
        config.put("n_layer", spec.layers());
        config.put("n_head", spec.heads());
        config.put("n_inner", spec.neurons());
        config.put("activation_function", name(spec.activation()));
        config.put("layer_norm_epsilon", spec.epsilon());
        config.put("tie_word_embeddings", spec.tiedHead());
        config.put(
                "torch_dtype",
                Tensors.type(weights.firstEntry().getValue()) == Type.DOUBLE
                        ? "float64"
                        : "float32");
        AtomicFile.write(folder.resolve(CONFIG), JSON.writeValueAsString(config) + "\n");
    }

    private static String name(Activation activation) {
        return switch (activation) {
            case GELU_NEW -> "gelu_new";
            case GELU -> "gelu";
            case RELU -> "relu";
        };
    }

    private static void throwIfAny(String what, Path file, List<String> problems) {
        if (!problems.isEmpty()) {
            throw new UserError(
                    "%s must be those of a GPT-2, got %d problem%s (%s)\n  %s"
                            .formatted(
                                    what,
                                    problems.size(),
                                    problems.size() == 1 ? "" : "s",
                                    file,
                                    shown(problems)));
        }
    }

    /// The first of them: where sizes do not fit, every tensor is one.
    private static String shown(List<String> problems) {
        List<String> lines = new ArrayList<>(problems.stream().limit(SHOWN).toList());
        if (problems.size() > SHOWN) {
            lines.add("and %d more".formatted(problems.size() - SHOWN));
        }
        return String.join("\n  ", lines);
    }

    private static String shown(JsonNode node) {
        return node.isMissingNode() ? "nothing" : node.toString();
    }
}
