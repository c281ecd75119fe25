package cleave.run;

import cleave.config.Binder;
import cleave.config.YamlTree;
import cleave.target.Target;
import cleave.tensor.AtomicFile;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// A target model in a folder: `config.yaml` with its kind and sizes, `model.safetensors` with its
/// weights, `README.md` with the card that says how it was made.
public final class Model implements AutoCloseable {
    /// The weights' file.
    public static final String WEIGHTS = "model.safetensors";

    private static final String CONFIG = "config.yaml";

    /// What a model's `config.yaml` holds.
    record File(ModelSpec model) {}

    private final ModelSpec spec;
    private final Target target;
    private final Path weights;

    private Model(ModelSpec spec, Target target, Path weights) {
        this.spec = spec;
        this.target = target;
        this.weights = weights;
    }

    /// Reads a model.
    ///
    /// @param type FLOAT or DOUBLE, the type to compute in
    /// @throws IllegalArgumentException when the folder or a file is missing or malformed
    public static Model load(Path folder, ScalarType type) {
        Path config = folder.resolve(CONFIG);
        Path weights = folder.resolve(WEIGHTS);
        if (!Files.isRegularFile(config) || !Files.isRegularFile(weights)) {
            throw new IllegalArgumentException(
                    "target model must be a folder with %s and %s, got %s (%s)\n"
                                    .formatted(
                                            CONFIG,
                                            WEIGHTS,
                                            folder,
                                            folder.toAbsolutePath().normalize())
                            + "hint: cleave train CONFIG --out %s makes one".formatted(folder));
        }
        ModelSpec spec = ConfigFile.read(config, List.of(), File.class).model();
        TensorMap map = Safetensors.read(weights);
        try {
            TensorMap typed = typed(map, type);
            try {
                Target target = Scopes.run(() -> spec.over(tensors(typed), typed::close));
                return new Model(spec, target, weights);
            } catch (RuntimeException refused) {
                typed.close();
                throw new IllegalArgumentException(
                        "%s (%s)".formatted(refused.getMessage(), weights), refused);
            }
        } finally {
            map.close();
        }
    }

    private static TensorMap typed(TensorMap map, ScalarType type) {
        return Scopes.run(() -> {
            SortedMap<String, Tensor> tensors = new TreeMap<>();
            for (String name : map.names()) {
                Tensor tensor = map.get(name);
                ScalarType stored = Tensors.type(tensor);
                if (stored != ScalarType.Float && stored != ScalarType.Double) {
                    throw new IllegalArgumentException(
                            "weight %s must be float32 or float64, got %s (%s)"
                                    .formatted(name, stored, map.source()));
                }
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
        Files.createDirectories(folder);
        Safetensors.write(folder.resolve(WEIGHTS), weights, Map.of("format", "cleave-model"));
        AtomicFile.write(folder.resolve(CONFIG), YamlTree.write(Binder.toTree(new File(spec))));
        AtomicFile.write(folder.resolve("README.md"), card);
    }

    /// Copies the parts of a model that a run needs to another folder.
    static void copy(Path from, Path to) throws IOException {
        Files.createDirectories(to);
        for (String file : List.of(CONFIG, WEIGHTS)) {
            AtomicFile.write(to.resolve(file), Files.readAllBytes(from.resolve(file)));
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

    /// The file of its weights.
    public Path weights() {
        return weights;
    }

    @Override
    public void close() {
        target.close();
    }
}
