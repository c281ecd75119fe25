package cleave.hub;

import cleave.config.Binder;
import cleave.config.ConfigFile;
import cleave.config.StandIn;
import cleave.config.UserError;
import cleave.config.YamlTree;
import cleave.model.LanguageModel;
import cleave.model.ModelSpec;
import cleave.model.Target;
import cleave.model.Task;
import cleave.tensor.AtomicFile;
import cleave.tensor.Device;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.text.Tokenizer;
import cleave.text.Tokenizers;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// A target model in a folder: `config.yaml` with its kind and sizes, `model.safetensors` with its
/// weights, `README.md` with the card that says how it was made.
///
/// A language model is kept as Hugging Face's tools keep it, with a `config.json`, so that they can
/// read what is trained here and the other way round; its weights may be in several files. One may
/// also be a GGUF file, and be named by where it is on the hub, as `hf:organisation/name`.
public final class Model implements AutoCloseable {
    /// The weights' file.
    public static final String WEIGHTS = "model.safetensors";

    private static final String CONFIG = "config.yaml";
    private static final String PICKLE = "pytorch_model.bin";
    private static final String CARD = "README.md";
    private static final Pattern CARD_HEAD = Pattern.compile("---\\R(?s:.*?)\\R---\\R");
    private static final int PADDING = 128; // from which on it is said

    private static final Logger LOG = LoggerFactory.getLogger(Model.class);

    /// What a model's `config.yaml` holds.
    record File(ModelSpec model) {}

    private final ModelSpec spec;
    private final Target target;
    private final Path weights;
    private @Nullable Tokenizer tokenizer; // once it is sought; null where there is none
    private boolean sought;

    private final Runnable onClose;

    private Model(ModelSpec spec, Target target, Path weights, Runnable onClose) {
        this.spec = spec;
        this.target = target;
        this.weights = weights;
        this.onClose = onClose;
    }

    /// A model that a program holds in memory, and closes itself.
    ///
    /// @param tasks makes the examples of a stream from its name
    /// @param folder where a copy of its weights lies, or comes to lie
    /// @throws UserError when a weight is not a finite number
    public static Model held(Target target, Function<String, Task> tasks, Path folder) {
        target.weights().forEach((name, weight) -> FiniteWeights.require(name, weight, folder));
        return new Model(new HeldModel(target, tasks), target, folder.resolve(WEIGHTS), () -> {});
    }

    /// Reads a model.
    ///
    /// @param place a folder, a GGUF file, or a name on the hub, which is fetched where it is not
    ///   in the cache
    /// @param type FLOAT or DOUBLE, the type to compute in
    /// @throws UserError when the folder or a file is missing or malformed, or a weight is not a
    ///   finite number
    public static Model load(Path place, Type type) {
        return load(place, type, WeightStorage.FULL);
    }

    /// The same with the weights of a language model kept in a way of their own.
    ///
    /// @throws UserError also when they are to be kept otherwise than in full and the model is none
    ///   that Hugging Face's files describe
    public static Model load(Path place, Type type, WeightStorage storage) {
        Path folder = Hub.local(place);
        requireModel(folder);
        if (!isOwn(folder) && Files.isRegularFile(folder.resolve(CONFIG))) {
            LOG.warn(
                    "{} is the model's configuration; {} beside it is that of no model ({})",
                    HuggingFace.CONFIG,
                    CONFIG,
                    folder);
        }
        Path weights = WeightFiles.in(folder);
        if (!isOwn(folder)) {
            LanguageModel spec = HuggingFace.spec(folder);
            return over(spec, HuggingFace.weights(folder, spec, type, storage), weights);
        }
        if (storage != WeightStorage.FULL) {
            throw new UserError(
                    "weights must be kept in full for a model with %s, got %s (%s)"
                            .formatted(CONFIG, storage.name().toLowerCase(Locale.ROOT), folder));
        }
        ModelSpec spec = spec(folder);
        TensorMap map = Safetensors.read(weights);
        try {
            return over(spec, typed(map, type), weights);
        } finally {
            map.close();
        }
    }

    /// A model of shapes alone, for finding out what it takes: its configuration is read, and no
    /// weights, which need not be there.
    ///
    /// @param place a folder with the configuration, or what `load` takes
    /// @param type FLOAT or DOUBLE, the type to compute in
    /// @throws UserError when the configuration is missing or malformed
    public static Model shaped(Path place, Type type, WeightStorage storage) {
        Path folder = Hub.local(place);
        if (!isDescribed(folder)) {
            requireModel(folder);
        }
        ModelSpec spec = spec(folder);
        Target target = Device.META.run(() -> Scopes.run(() -> shaped(spec, type, storage)));
        return new Model(spec, target, WeightFiles.in(folder), target::close);
    }

    private static Target shaped(ModelSpec spec, Type type, WeightStorage storage) {
        SortedMap<String, Tensor> weights = new TreeMap<>();
        if (spec instanceof LanguageModel language) {
            language.weights()
                    .forEach((name, shape) -> {
                        boolean narrow = storage == WeightStorage.BFLOAT16 && shape.length == 2;
                        Type kept = narrow ? Type.BFLOAT16 : type;
                        weights.put(name, Scopes.own(Tensors.empty(kept, shape)));
                    });
        } else {
            spec.initial(0)
                    .forEach((name, weight) -> weights.put(name, Scopes.own(weight.to(type))));
        }
        return spec.over(weights, () -> weights.values().forEach(Scopes::release));
    }

    /// Whether a model's configuration is there and its weights are not.
    public static boolean isDescribed(Path place) {
        Path folder = Hub.local(place);
        return !isModel(folder) && (isOwn(folder) || HuggingFace.isModel(folder));
    }

    private static Model over(ModelSpec spec, TensorMap weights, Path file) {
        try {
            Target target = Scopes.run(() -> spec.over(tensors(weights), weights::close));
            return new Model(spec, target, file, target::close);
        } catch (RuntimeException refused) {
            weights.close();
            throw new UserError("%s (%s)".formatted(refused.getMessage(), file), refused);
        }
    }

    private static void requireModel(Path folder) {
        for (String name : List.of(HuggingFace.CONFIG, WeightFiles.INDEX)) {
            if (Files.isRegularFile(folder.resolve(name))) {
                StandIn.refuseDownload(folder.resolve(name), "model's " + name);
            }
        }
        if (isModel(folder)) {
            return;
        }
        boolean pickle = Files.isRegularFile(folder.resolve(PICKLE));
        if (!pickle) {
            ModelFiles.refusePickles(folder);
        }
        String rule =
                "target model must be a folder with %s, or %s, and %s"
                        .formatted(CONFIG, HuggingFace.CONFIG, WEIGHTS);
        if (pickle) {
            throw UserError.withHints(
                    NoModel.message(folder, rule),
                    "pytorch_model.bin is not read; save it again as safetensors",
                    ModelFiles.converting(folder));
        }
        throw NoModel.at(folder, rule);
    }

    /// Whether a folder holds a model's configuration and weights, or a path is a GGUF file or a
    /// name on the hub.
    public static boolean isModel(Path place) {
        Path folder = Hub.local(place);
        return Gguf.is(WeightFiles.in(folder))
                || ((isOwn(folder) || HuggingFace.isModel(folder))
                        && Files.isRegularFile(WeightFiles.in(folder)));
    }

    /// Whether a folder's model is described by our own configuration. Many tools leave a file of
    /// that name, so beside a `config.json` it counts only when it describes a model and the other
    /// does not.
    ///
    /// @throws UserError when both describe a model, or neither
    private static boolean isOwn(Path folder) {
        Path own = folder.resolve(CONFIG);
        if (!Files.isRegularFile(own)) {
            return false;
        }
        if (!HuggingFace.isModel(folder)) {
            return true;
        }
        boolean describes = describesModel(own);
        if (describes == HuggingFace.describesModel(folder)) {
            throw UserError.withHints(
                    "model's folder must have one configuration, got %s and %s, %s (%s)"
                            .formatted(
                                    CONFIG,
                                    HuggingFace.CONFIG,
                                    describes
                                            ? "which both describe a model"
                                            : "of which neither describes a model",
                                    folder),
                    "remove the one that is not this model's");
        }
        return describes;
    }

    private static boolean describesModel(Path config) {
        try {
            return YamlTree.parse(config.toString(), ConfigFile.text(config))
                            instanceof YamlTree.Mapping mapping
                    && mapping.entries().containsKey("model");
        } catch (UserError unreadable) {
            return false;
        }
    }

    /// The kind and sizes of the model in a folder.
    ///
    /// @throws UserError when its configuration is missing or malformed
    static ModelSpec spec(Path place) {
        Path folder = Hub.local(place);
        return isOwn(folder)
                ? ConfigFile.read(folder.resolve(CONFIG), List.of(), File.class).model()
                : HuggingFace.spec(folder);
    }

    /// The kind that the configuration of a model of Cleave's own names, such as `tms`; empty for
    /// one that published files describe, and where there is no model.
    ///
    /// @throws UserError when the configuration is malformed
    static Optional<String> ownKind(Path folder) {
        if (!isOwn(folder) || !Files.isRegularFile(WeightFiles.in(folder))) {
            return Optional.empty();
        }
        YamlTree.Node written = Binder.toTree(new File(spec(folder)));
        return written instanceof YamlTree.Mapping file
                        && file.entries().get("model") instanceof YamlTree.Mapping model
                        && model.entries().get("kind") instanceof YamlTree.Scalar kind
                ? Optional.of(kind.text())
                : Optional.empty();
    }

    /// The digest of a model's weights, which tells it from every other.
    public static String sha256(Path folder) throws IOException {
        return WeightFiles.sha256(WeightFiles.in(folder));
    }

    private static TensorMap typed(TensorMap map, Type type) {
        return Scopes.run(() -> {
            SortedMap<String, Tensor> tensors = new TreeMap<>();
            for (String name : map.names()) {
                Tensor tensor = map.get(name);
                Type stored = Tensors.type(tensor);
                if (stored != Type.FLOAT && stored != Type.DOUBLE) {
                    throw new UserError(
                            "weight %s must be float32 or float64, got %s (%s)"
                                    .formatted(name, stored, map.source()));
                }
                FiniteWeights.require(name, tensor, Path.of(map.source()));
                tensors.put(name, tensor.to(type));
            }
            return TensorMap.of(map.source(), tensors);
        });
    }

    private static SortedMap<String, Tensor> tensors(TensorMap map) {
        SortedMap<String, Tensor> tensors = new TreeMap<>();
        map.names().forEach(name -> tensors.put(name, map.get(name)));
        return tensors;
    }

    /// Writes a model's folder; existing files of a model are replaced one by one.
    public static void save(
            Path folder, ModelSpec spec, SortedMap<String, Tensor> weights, String card)
            throws IOException {
        save(folder, spec, Map.of(), weights, card);
    }

    /// Writes the folder of a model with a tokenizer.
    ///
    /// @param endOfText the token that begins and ends texts, which the configuration of a language
    ///   model then names
    public static void save(
            Path folder,
            ModelSpec spec,
            int endOfText,
            SortedMap<String, Tensor> weights,
            String card)
            throws IOException {
        Map<String, Object> tokens = new TreeMap<>();
        tokens.put("bos_token_id", endOfText);
        tokens.put("eos_token_id", endOfText);
        save(folder, spec, tokens, weights, card);
    }

    private static void save(
            Path folder,
            ModelSpec spec,
            Map<String, Object> tokens,
            SortedMap<String, Tensor> weights,
            String card)
            throws IOException {
        Files.createDirectories(folder);
        if (spec instanceof LanguageModel language) {
            Map<String, Object> config = new LinkedHashMap<>(language.configuration());
            config.putAll(tokens);
            HuggingFace.save(folder, language, config, weights);
        } else {
            Safetensors.write(folder.resolve(WEIGHTS), weights, Map.of("format", "cleave-model"));
            AtomicFile.write(folder.resolve(CONFIG), YamlTree.write(Binder.toTree(new File(spec))));
        }
        AtomicFile.write(folder.resolve(CARD), card);
    }

    /// Writes this language model with other weights to another folder, as the method below does
    /// with nothing but its own folder.
    public void saveWith(Path folder, SortedMap<String, Tensor> changed, String card)
            throws IOException {
        saveWith(folder, changed, card, folder());
    }

    /// Writes this language model with other weights to another folder, which has everything else
    /// that this one's has: configuration but for the type of the numbers, tokenizer, settings of
    /// generation, chat template and so on.
    ///
    /// @param changed every weight by name, of the shapes of this model's
    /// @param card what the folder's README says before this model's own
    /// @param origin a folder with the same model and perhaps more beside it, as that which a run's
    ///   copy was made of
    public void saveWith(Path folder, SortedMap<String, Tensor> changed, String card, Path origin)
            throws IOException {
        if (!(spec instanceof LanguageModel language)) {
            throw new IllegalArgumentException(
                    "a model with other weights must be a language model, got " + spec);
        }
        Files.createDirectories(folder);
        HuggingFace.save(folder, language, HuggingFace.configuration(place(), language), changed);
        if (Gguf.is(weights)) {
            for (Map.Entry<String, byte[]> file : ModelFiles.tokenizer(weights).entrySet()) {
                AtomicFile.write(folder.resolve(file.getKey()), file.getValue());
            }
            AtomicFile.write(folder.resolve(CARD), card);
            return;
        }
        for (Path from : new LinkedHashSet<>(List.of(folder(), origin))) {
            for (Path file : Companions.of(from)) {
                if (!Files.exists(folder.resolve(file))) {
                    Files.createDirectories(folder.resolve(file).resolveSibling(""));
                    copyFile(from.resolve(file), folder.resolve(file));
                }
            }
        }
        Path readme = folder.resolve(CARD);
        AtomicFile.write(
                readme, Files.exists(readme) ? above(card, Files.readString(readme)) : card);
    }

    /// A card above another one, whose head of YAML stays in front.
    private static String above(String card, String other) {
        Matcher head = CARD_HEAD.matcher(other);
        String front = head.lookingAt() ? head.group() + "\n" : "";
        return front + card + "\n" + other.substring(front.isEmpty() ? 0 : head.end());
    }

    /// Copies the parts of a model that a run needs to another folder.
    public static void copy(Path from, Path to) throws IOException {
        Files.createDirectories(to);
        Path folder = Hub.local(from);
        List<Path> files = new ArrayList<>(WeightFiles.of(WeightFiles.in(folder)));
        if (!Gguf.is(files.getFirst())) {
            files.add(
                    isOwn(folder)
                            ? folder.resolve(CONFIG)
                            : PublishedConfig.in(folder)
                                    .orElse(folder.resolve(HuggingFace.CONFIG)));
            files.addAll(Tokenizers.files(folder));
            if (!isOwn(folder)) {
                copyCompanions(folder, to);
            }
        }
        for (Path file : files) {
            copyFile(file, to.resolve(file.getFileName()));
        }
    }

    private static void copyCompanions(Path from, Path to) throws IOException {
        for (Path file : Companions.of(from)) {
            Files.createDirectories(to.resolve(file).resolveSibling(""));
            copyFile(from.resolve(file), to.resolve(file));
        }
    }

    private static void copyFile(Path from, Path to) throws IOException {
        try (FileChannel source = FileChannel.open(from)) {
            long size = source.size();
            AtomicFile.write(
                    to,
                    size,
                    channel -> {
                        for (long at = 0; at < size; ) {
                            at += source.transferTo(at, size - at, channel);
                        }
                    });
        }
    }

    /// Its kind and sizes.
    public ModelSpec spec() {
        return spec;
    }

    /// The network.
    public Target target() {
        return target;
    }

    /// What turns text into its tokens; empty when its folder has none. A tokenizer may be smaller
    /// than the model, because embeddings are padded; where the padding is large, that is said.
    ///
    /// @throws UserError when the tokenizer's files are malformed, it has more tokens than the
    ///   model, or the model's configuration names tokens that it does not have
    public Optional<Tokenizer> tokenizer() {
        if (!sought) {
            Optional<Tokenizer> found = tokenizerOf(weights);
            found.ifPresent(each -> requireFits(each.size()));
            tokenizer = found.orElse(null);
            sought = true;
        }
        return Optional.ofNullable(tokenizer);
    }

    private void requireFits(int size) {
        int missing = spec.tokens() - size;
        if (missing < 0) {
            throw new UserError(
                    "tokenizer must have at most the model's %d tokens, got %d (%s)"
                            .formatted(spec.tokens(), size, folder()));
        }
        if (missing < PADDING) {
            return;
        }
        // Rows beyond the tokenizer are padding only if nothing ever puts their tokens in.
        OptionalInt beyond =
                HuggingFace.specialTokens(folder())
                        .filter(token -> token >= size && token < spec.tokens())
                        .max();
        if (beyond.isPresent()) {
            throw new UserError(
                    "tokenizer must have every token that the model's configuration names, up to %d, got %d tokens (%s)"
                            .formatted(beyond.getAsInt(), size, folder()));
        }
        LOG.info(
                "the model has {} tokens beyond the tokenizer's {}: padding, which no text needs",
                missing,
                size);
    }

    private static Optional<Tokenizer> tokenizerOf(Path weights) {
        return Gguf.is(weights)
                ? GgufTokenizer.of(Gguf.open(weights))
                        .map(own ->
                                Tokenizers.ofJson(weights.toString(), own.json(), own.endOfText()))
                : Tokenizers.in(weights.toAbsolutePath().resolveSibling(""));
    }

    /// The folder it lies in.
    public Path folder() {
        return weights.toAbsolutePath().resolveSibling("");
    }

    /// What it is loaded from again: its folder, or its GGUF file.
    public Path place() {
        return Gguf.is(weights) ? weights : folder();
    }

    /// The file of its weights, or of their index.
    public Path weights() {
        return weights;
    }

    @Override
    public void close() {
        onClose.run();
    }
}
