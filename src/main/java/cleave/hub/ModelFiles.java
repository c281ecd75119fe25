package cleave.hub;

import cleave.config.UserError;
import cleave.model.Families;
import cleave.tensor.Safetensors.Header;
import cleave.text.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// A pretrained model's files, whatever their format: a configuration in the words of transformers'
/// `config.json`, tensors under transformers' names, described but not read, and a tokenizer.
///
/// It is a folder with `config.json` or `model_config.yaml` and safetensors, or a GGUF file, or a
/// folder with one.
public final class ModelFiles {
    private static final Pattern STEP = Pattern.compile("model_step_\\d+\\.safetensors");
    private static final String KIND = "model_type";
    private static final List<String> PICKLES = List.of(".bin", ".pt", ".pth", ".ckpt");

    private final Path weights;
    private final JsonNode config;
    private final SortedMap<String, StoredTensor> tensors;
    private final @Nullable Gguf gguf;
    private final boolean own;

    private ModelFiles(
            Path weights,
            JsonNode config,
            SortedMap<String, StoredTensor> tensors,
            @Nullable Gguf gguf,
            boolean own) {
        this.weights = weights;
        this.config = config;
        this.tensors = Collections.unmodifiableSortedMap(tensors);
        this.gguf = gguf;
        this.own = own;
    }

    /// Reads and checks all but the numbers.
    ///
    /// @param place a folder, a GGUF file, or a name on the hub
    /// @throws UserError when there is no such model, or everything that is wrong with its files
    public static ModelFiles of(Path place) {
        Path here = Hub.local(place);
        Optional<Path> file = gguf(here);
        if (file.isPresent()) {
            Gguf gguf = Gguf.open(file.get());
            GgufModel model = GgufModel.of(gguf);
            return new ModelFiles(file.get(), model.config(), model.tensors(), gguf, false);
        }
        refusePickles(here);
        Path weights = WeightFiles.in(here);
        Optional<Path> config = PublishedConfig.in(here);
        if (config.isEmpty() || !Files.isRegularFile(weights)) {
            throw NoModel.at(
                    place,
                    "model must be a folder with %s and %s, or a GGUF file"
                            .formatted(HuggingFace.CONFIG, Model.WEIGHTS));
        }
        return new ModelFiles(
                weights, PublishedConfig.read(config.get()), safetensors(weights), null, false);
    }

    /// The same of any model that can be loaded, also one of Cleave's own with a `config.yaml`,
    /// whose configuration here is nothing but its kind as `model_type`.
    ///
    /// @param place a folder, a GGUF file, or a name on the hub
    /// @throws UserError when there is no such model, or everything that is wrong with its files
    public static ModelFiles ofAny(Path place) {
        Path here = Hub.local(place);
        Optional<String> kind = Model.ownKind(here);
        if (kind.isEmpty()) {
            return of(place);
        }
        Path weights = WeightFiles.in(here);
        JsonNode config = JsonNodeFactory.instance.objectNode().put(KIND, kind.get());
        return new ModelFiles(weights, config, safetensors(weights), null, true);
    }

    /// The GGUF file that a path stands for: itself, or the only one of a folder that holds no
    /// weights in another format; empty when there is none.
    ///
    /// @throws UserError when a folder holds several
    static Optional<Path> gguf(Path place) {
        return Optional.of(WeightFiles.in(place)).filter(Gguf::is);
    }

    /// The only GGUF file of a folder; empty when it has none, or is none.
    ///
    /// @throws UserError when a folder holds several
    static Optional<Path> onlyGguf(Path folder) {
        return only(folder, "GGUF file", "name", Gguf::is);
    }

    /// The only file of weights that Goodfire's training left in a folder, such as
    /// `model_step_99999.safetensors` beside `model_config.yaml`; empty when it left none.
    ///
    /// @throws UserError when a folder holds several
    static Optional<Path> onlyStep(Path folder) {
        return Files.isRegularFile(folder.resolve(PublishedConfig.YAML))
                ? only(
                        folder,
                        "file of weights",
                        "keep",
                        file -> STEP.matcher(file.getFileName().toString()).matches())
                : Optional.empty();
    }

    private static Optional<Path> only(
            Path folder, String what, String advice, Predicate<Path> kind) {
        if (!Files.isDirectory(folder)) {
            return Optional.empty();
        }
        List<Path> found = files(folder).filter(kind).toList();
        if (found.size() > 1) {
            throw UserError.withHints(
                    "model must be one %s, got a folder with %d (%s)"
                            .formatted(what, found.size(), folder),
                    advice
                            + " one of them: "
                            + String.join(
                                    ", ",
                                    found.stream()
                                            .map(file -> file.getFileName().toString())
                                            .toList()));
        }
        return found.stream().findFirst();
    }

    /// Refuses a model that is kept as a pickle, which could do anything when it is read.
    static void refusePickles(Path place) {
        List<Path> found =
                Files.isDirectory(place)
                        ? Files.isRegularFile(WeightFiles.in(place))
                                ? List.of()
                                : files(place).filter(ModelFiles::isPickle).toList()
                        : isPickle(place) && Files.isRegularFile(place)
                                ? List.of(place)
                                : List.of();
        if (!found.isEmpty()) {
            throw pickle(found.getFirst().toString(), place);
        }
    }

    private static boolean isPickle(Path file) {
        return PICKLES.stream().anyMatch(file.getFileName().toString()::endsWith);
    }

    /// Why a pickle is not read, with the line of Python that converts it.
    ///
    /// @param file the pickle
    /// @param model the folder, or the name on the hub, that transformers opens
    static UserError pickle(String file, Object model) {
        String name = file.substring(file.lastIndexOf('/') + 1);
        return UserError.withHints(
                "weights must be in safetensors or GGUF files, got a pickle, which can run any program when read (%s)"
                        .formatted(file),
                name.startsWith("pytorch_model")
                        ? converting(model)
                        : "if you trust it: python3 -c \"import torch, safetensors.torch as s; s.save_file({k: v.clone() for k, v in torch.load('%s', weights_only=True).items()}, 'model.safetensors')\""
                                .formatted(file));
    }

    /// The line of Python that converts a model which transformers opens.
    static String converting(Object model) {
        return "if you trust it: python3 -c \"from transformers import AutoModelForCausalLM as M; M.from_pretrained('%s').save_pretrained('converted')\""
                .formatted(model);
    }

    private static Stream<Path> files(Path folder) {
        try (Stream<Path> files = Files.list(folder)) {
            return files.sorted().toList().stream();
        } catch (IOException failure) {
            throw new UserError(
                    "model's folder must be readable, got %s (%s)"
                            .formatted(UserError.reason(failure), folder),
                    failure);
        }
    }

    private static SortedMap<String, StoredTensor> safetensors(Path weights) {
        List<String> problems = new ArrayList<>();
        SortedMap<String, StoredTensor> tensors = safetensors(weights, problems);
        if (!problems.isEmpty()) {
            throw new UserError(
                    "weights must be readable, got %d problem%s (%s)\n  %s"
                            .formatted(
                                    problems.size(),
                                    problems.size() == 1 ? "" : "s",
                                    weights,
                                    String.join("\n  ", problems)));
        }
        return tensors;
    }

    /// The tensors of safetensors files.
    ///
    /// @param problems takes what is wrong with the files
    static SortedMap<String, StoredTensor> safetensors(Path weights, List<String> problems) {
        SortedMap<String, StoredTensor> tensors = new TreeMap<>();
        for (Header header : WeightFiles.headers(weights, problems)) {
            header.tensors()
                    .keySet()
                    .forEach(name -> tensors.put(name, StoredTensor.of(header, name)));
        }
        return tensors;
    }

    /// The configuration.
    public JsonNode config() {
        return config;
    }

    /// The tensors by name.
    public SortedMap<String, StoredTensor> tensors() {
        return tensors;
    }

    /// Whether its family is known, so that it can be loaded.
    public boolean isKnown() {
        return own || Families.of(config.path(KIND).asString("")).isPresent();
    }

    /// Whether a tensor is no weight to the model's family.
    boolean isBuffer(String name) {
        return Families.of(config.path(KIND).asString(""))
                .filter(family -> HuggingFace.isBuffer(name, family))
                .isPresent();
    }

    /// The file of the weights, or of their index.
    public Path weights() {
        return weights;
    }

    /// Whether the numbers are stored as the file's format calls for, rather than under another
    /// format's names.
    public boolean isGguf() {
        return gguf != null;
    }

    /// The files of the tokenizer by name: those that lie beside the weights, or those that a GGUF
    /// file's settings amount to. Empty when there is none.
    ///
    /// @throws UserError when a GGUF file's tokenizer is of a kind that is not read
    /// @throws IOException when a file cannot be read
    public SortedMap<String, byte[]> tokenizer() throws IOException {
        return tokenizer(weights, gguf);
    }

    /// The same of a model whose weights are in a file.
    static SortedMap<String, byte[]> tokenizer(Path weights) throws IOException {
        return tokenizer(weights, Gguf.is(weights) ? Gguf.open(weights) : null);
    }

    private static SortedMap<String, byte[]> tokenizer(Path weights, @Nullable Gguf gguf)
            throws IOException {
        SortedMap<String, byte[]> files = new TreeMap<>();
        if (gguf != null) {
            Optional<GgufTokenizer> own = GgufTokenizer.of(gguf);
            if (own.isPresent()) {
                files.put("tokenizer.json", utf8(own.get().json()));
                files.put("tokenizer_config.json", utf8(own.get().settings()));
            }
            return files;
        }
        for (Path file : Tokenizers.files(weights.toAbsolutePath().resolveSibling(""))) {
            files.put(file.getFileName().toString(), Files.readAllBytes(file));
        }
        return files;
    }

    private static byte[] utf8(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    }
}
