package cleave.hub;

import cleave.config.NearestName;
import cleave.config.UserError;
import cleave.model.Families;
import cleave.model.Family;
import cleave.model.LanguageModel;
import cleave.model.ModelConfig;
import cleave.tensor.AtomicFile;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.core.type.TypeReference;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// A language model as Hugging Face's tools keep it: `config.json`, which the family that its
/// `model_type` names reads, and the weights in safetensors files.
///
/// Tensors may be named with or without the prefixes that files of a family have; buffers, which
/// are no weights, are passed over, and so is a copy of the token embedding as the head of a model
/// that ties the two.
final class HuggingFace {
    /// The configuration's file.
    static final String CONFIG = PublishedConfig.FILE;

    private static final Pattern BLOCK = Pattern.compile("[a-z_.]*?\\.(\\d{1,6})\\..*");
    private static final Logger LOG = LoggerFactory.getLogger(HuggingFace.class);
    private static final int SHOWN = 10; // problems
    private static final JsonMapper JSON =
            JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private HuggingFace() {}

    /// Whether a folder looks like one.
    static boolean isModel(Path folder) {
        return PublishedConfig.in(folder).isPresent();
    }

    /// The special tokens that the configuration names; none where there is no readable one.
    static IntStream specialTokens(Path folder) {
        JsonNode config;
        try {
            config = PublishedConfig.read(PublishedConfig.in(folder).orElseThrow());
        } catch (UserError | NoSuchElementException none) {
            return IntStream.empty();
        }
        return Stream.of("bos_token_id", "eos_token_id", "pad_token_id")
                .map(config::path)
                .flatMap(ids -> ids.isArray() ? ids.valueStream() : Stream.of(ids))
                .filter(JsonNode::canConvertToInt)
                .mapToInt(JsonNode::intValue);
    }

    /// Reads the configuration.
    ///
    /// @throws UserError naming everything in it that is missing, malformed or not supported
    static LanguageModel spec(Path folder) {
        Optional<Path> gguf = ModelFiles.gguf(folder);
        if (gguf.isPresent()) {
            return spec(GgufModel.of(Gguf.open(gguf.get())));
        }
        Path file = PublishedConfig.in(folder).orElse(folder.resolve(CONFIG));
        return spec(PublishedConfig.read(file), file);
    }

    private static LanguageModel spec(GgufModel gguf) {
        return spec(gguf.config(), gguf.file());
    }

    private static LanguageModel spec(JsonNode config, Path file) {
        return spec(JSON.convertValue(config, new TypeReference<Map<String, Object>>() {}), file);
    }

    /// Reads a configuration.
    ///
    /// @param values the keys of a `config.json`
    /// @param file where they come from, for messages
    /// @throws UserError naming everything in it that is missing, malformed or not supported
    private static LanguageModel spec(Map<String, Object> values, Path file) {
        Object kind = values.get("model_type");
        Family family =
                Optional.ofNullable(kind instanceof String text ? text : null)
                        .flatMap(Families::of)
                        .orElseThrow(() -> unknown(kind, file));
        ModelConfig config = new ModelConfig(values);
        LanguageModel model = family.read(config);
        if (!config.problems().isEmpty()) {
            throw refused(
                    "model's configuration must be that of a " + kind, file, config.problems());
        }
        config.checkSpecialTokens(model.tokens());
        config.warnings().forEach(line -> LOG.warn("{} ({})", line, file));
        return model;
    }

    private static UserError unknown(@Nullable Object kind, Path file) {
        List<String> known = Families.modelTypes();
        String got =
                kind == null ? "nothing" : kind instanceof String ? "\"" + kind + "\"" : kind + "";
        return new UserError(
                "model_type must be %s, got %s (%s)%s"
                        .formatted(
                                known.size() == 1
                                        ? known.getFirst()
                                                + ", the one architecture that is supported"
                                        : "one of " + String.join(", ", known),
                                got,
                                file,
                                kind instanceof String text
                                        ? NearestName.of(text, known)
                                                .map(near ->
                                                        "\nhint: did you mean %s?".formatted(near))
                                                .orElse("")
                                        : ""));
    }

    /// A tensor in a file.
    ///
    /// @param name in the file
    private record Place(String name, StoredTensor tensor) {}

    /// Reads the weights as numbers of `type`, one tensor at a time; the caller closes the map.
    ///
    /// @param storage how matrices are kept
    /// @throws UserError naming every file that cannot be read, or else another number of blocks,
    ///   or else the first tensors that are missing, left over, of another shape or not of floating
    ///   point
    static TensorMap weights(Path folder, LanguageModel model, Type type, WeightStorage storage) {
        Path file = WeightFiles.in(folder);
        List<String> problems = new ArrayList<>();
        SortedMap<String, StoredTensor> stored =
                Gguf.is(file)
                        ? GgufModel.of(Gguf.open(file)).tensors()
                        : ModelFiles.safetensors(file, problems);
        throwIfAny(model, file, problems);
        SortedMap<String, Place> places = places(stored, model.family(), problems);
        requireBlocks(places.keySet(), model, file);
        SortedMap<String, long[]> expected = model.weights();
        Optional<Place> copy =
                places.keySet().stream()
                        .filter(name ->
                                model.family().isHead(name)
                                        && name.endsWith(".weight")
                                        && !expected.containsKey(name))
                        .findFirst()
                        .map(name -> places.remove(name));
        boolean turned = isTurned(expected, places);
        compare(model, expected, places, turned, problems);
        throwIfAny(model, file, problems);
        return Scopes.run(() -> {
            SortedMap<String, Tensor> tensors = new TreeMap<>();
            copy.ifPresent(head -> requireTied(model, head, places, type, file));
            expected.forEach((name, shape) -> {
                boolean narrow = storage == WeightStorage.BFLOAT16 && shape.length == 2;
                tensors.put(
                        name,
                        Scopes.keep(() -> {
                            Tensor found = read(name, places, narrow ? Type.BFLOAT16 : type);
                            Tensor right =
                                    (turned && isMap(name, shape)) ? found.t().contiguous() : found;
                            return model.family().fromFile(model, name, right);
                        }));
            });
            return TensorMap.of(file.toString(), tensors);
        });
    }

    private static Tensor read(String name, SortedMap<String, Place> places, Type type) {
        Place place = java.util.Objects.requireNonNull(places.get(name));
        return FiniteWeights.require(
                place.name(), place.tensor().read(type), place.tensor().file());
    }

    /// The name of a tensor without what a family's files or a wrapper put before it.
    private static String withoutPrefix(String stored, Family family) {
        String name = stored;
        for (boolean cut = true; cut; ) {
            cut = false;
            for (String prefix : family.prefixes()) {
                if (!prefix.isEmpty() && name.startsWith(prefix)) {
                    name = name.substring(prefix.length());
                    cut = true;
                }
            }
        }
        return name;
    }

    /// Whether a tensor of a file is no weight to a family.
    static boolean isBuffer(String stored, Family family) {
        return family.isBuffer(withoutPrefix(stored, family));
    }

    private static SortedMap<String, Place> places(
            SortedMap<String, StoredTensor> tensors, Family family, List<String> problems) {
        SortedMap<String, Place> places = new TreeMap<>();
        tensors.forEach((stored, tensor) -> {
            String name = withoutPrefix(stored, family);
            if (family.isBuffer(name)) {
                return;
            }
            Place other = places.put(name, new Place(stored, tensor));
            if (other != null) {
                problems.add(
                        "tensor %s must be there once, got %s and %s"
                                .formatted(name, other.name(), stored));
            }
        });
        return places;
    }

    /// Whether a weight is the matrix of a map within a block.
    private static boolean isMap(String name, long[] shape) {
        return shape.length == 2 && BLOCK.matcher(name).matches();
    }

    /// Whether the matrices of the blocks are all stored the other way round, as other
    /// implementations of a family do: no one lies as expected, and each that is not square would
    /// fit if it were turned.
    private static boolean isTurned(
            SortedMap<String, long[]> expected, SortedMap<String, Place> places) {
        int fit = 0;
        for (Map.Entry<String, long[]> each : expected.entrySet()) {
            long[] shape = each.getValue();
            Place place = places.get(each.getKey());
            if (place != null && isMap(each.getKey(), shape) && shape[0] != shape[1]) {
                if (!place.tensor().shape().equals(List.of(shape[1], shape[0]))) {
                    return false;
                }
                fit++;
            }
        }
        return fit > 0;
    }

    /// Refuses weights of more or fewer blocks by that alone, before anything is listed by block.
    private static void requireBlocks(Set<String> names, LanguageModel model, Path file) {
        int blocks =
                names.stream()
                        .map(BLOCK::matcher)
                        .filter(Matcher::matches)
                        .mapToInt(block -> Integer.parseInt(block.group(1)) + 1)
                        .max()
                        .orElse(0);
        if (blocks != model.layers()) {
            throw new UserError(
                    "weights must have the configuration's %s of %d blocks, got %d (%s)"
                            .formatted(model.family().layersKey(), model.layers(), blocks, file));
        }
    }

    private static void compare(
            LanguageModel model,
            SortedMap<String, long[]> expected,
            SortedMap<String, Place> places,
            boolean turned,
            List<String> problems) {
        expected.forEach((name, shape) -> {
            Place place = places.get(name);
            if (place == null) {
                problems.add("tensor %s %s is missing".formatted(name, Arrays.toString(shape)));
                return;
            }
            long[] actual = place.tensor().shape().stream().mapToLong(Long::longValue).toArray();
            boolean fits =
                    (turned && isMap(name, shape))
                            ? Arrays.equals(actual, new long[] {shape[1], shape[0]})
                            : Arrays.equals(actual, shape);
            if (!fits) {
                problems.add(
                        "tensor %s must have the shape %s of the configuration, got %s"
                                .formatted(name, Arrays.toString(shape), Arrays.toString(actual)));
            }
            if (!place.tensor().isFloating()) {
                problems.add(
                        "tensor %s must be F16, BF16, F32 or F64, got %s"
                                .formatted(name, place.tensor().kind()));
            }
        });
        places.keySet().stream()
                .filter(name -> !expected.containsKey(name))
                .forEach(name ->
                        problems.add(
                                "tensor %s is none of %s of this configuration%s"
                                        .formatted(
                                                name,
                                                model.title(),
                                                NearestName.of(name, expected.keySet())
                                                        .map(near -> ", the nearest is " + near)
                                                        .orElse(""))));
    }

    /// Refuses a head of its own in a model whose configuration ties it to the token embedding.
    private static void requireTied(
            LanguageModel model,
            Place head,
            SortedMap<String, Place> places,
            Type type,
            Path file) {
        boolean same =
                Scopes.run(() ->
                        head.tensor().read(type).equal(read(model.headWeight(), places, type)));
        if (!same) {
            throw new UserError(
                    "%s must equal %s when tie_word_embeddings is true, got other numbers (%s)"
                            .formatted(head.name(), model.headWeight(), file));
        }
    }

    /// Whether the configuration in a folder says of which kind its model is.
    static boolean describesModel(Path folder) {
        try {
            return PublishedConfig.in(folder)
                    .map(file -> PublishedConfig.read(file).has("model_type"))
                    .orElse(false);
        } catch (UserError unreadable) {
            return false;
        }
    }

    /// The configuration that a model was read from, with whatever it says beside the sizes; made
    /// from the sizes where it is no `config.json`.
    static Map<String, Object> configuration(Path place, LanguageModel model) {
        TypeReference<Map<String, Object>> map = new TypeReference<>() {};
        Optional<Path> gguf = ModelFiles.gguf(place);
        if (gguf.isPresent()) {
            return JSON.convertValue(GgufModel.of(Gguf.open(gguf.get())).config(), map);
        }
        return PublishedConfig.in(place)
                .map(file -> JSON.convertValue(PublishedConfig.read(file), map))
                .orElseGet(model::configuration);
    }

    /// Writes the files.
    ///
    /// @param configuration the keys of `config.json`; the type of the numbers is set to that of
    ///   the weights
    static void save(
            Path folder,
            LanguageModel model,
            Map<String, Object> configuration,
            SortedMap<String, Tensor> weights)
            throws IOException {
        Family family = model.family();
        SortedMap<String, Tensor> named = new TreeMap<>();
        weights.forEach((name, tensor) ->
                named.put(
                        family.isHead(name) ? name : family.prefix() + name,
                        family.toFile(model, name, tensor)));
        Safetensors.write(folder.resolve(Model.WEIGHTS), named, Map.of("format", "pt"));
        Map<String, Object> config = new LinkedHashMap<>(configuration);
        String type =
                Tensors.type(weights.firstEntry().getValue()) == Type.DOUBLE
                        ? "float64"
                        : "float32";
        if (config.containsKey("dtype")) {
            config.put("dtype", type);
            config.remove("torch_dtype"); // the older name of the same
        } else {
            config.put("torch_dtype", type);
        }
        AtomicFile.write(folder.resolve(CONFIG), JSON.writeValueAsString(config) + "\n");
    }

    private static void throwIfAny(LanguageModel model, Path file, List<String> problems) {
        if (!problems.isEmpty()) {
            throw refused("weights must be those of " + model.title(), file, problems);
        }
    }

    private static UserError refused(String what, Path file, List<String> problems) {
        return new UserError(
                "%s, got %d problem%s (%s)\n  %s"
                        .formatted(
                                what,
                                problems.size(),
                                problems.size() == 1 ? "" : "s",
                                file,
                                shown(problems)));
    }

    /// The first of them: where sizes do not fit, every tensor is one.
    private static String shown(List<String> problems) {
        List<String> lines = new ArrayList<>(problems.stream().limit(SHOWN).toList());
        if (problems.size() > SHOWN) {
            lines.add("and %d more".formatted(problems.size() - SHOWN));
        }
        return String.join("\n  ", lines);
    }
}
