package cleave.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cleave.config.UserError;
import cleave.model.Generation;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import cleave.testing.Golden;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GgufModelTest {
    private static final Path FILE = Golden.FOLDER.resolve("gguf/gpt2.gguf");

    @TempDir private Path folder;

    @Test
    void aGgufFileIsTheSameModelAsTheFolderMadeOfIt() throws IOException {
        Path out = folder.resolve("out");
        Conversion.write(ModelFiles.of(FILE), out);
        assertThat(logits(FILE)).isEqualTo(logits(out));
        assertThat(Model.spec(FILE)).isEqualTo(Model.spec(out));
        assertThat(Model.isModel(FILE)).isTrue();
        assertThat(Model.sha256(FILE)).isEqualTo(Sha256.of(FILE));
    }

    private static double[] logits(Path place) {
        try (Model model = Model.load(place, Type.DOUBLE)) {
            return Generation.logits(model.target(), new int[] {3, 1, 4, 1, 5});
        }
    }

    @Test
    void aCopyIsTheFileInAFolderOfItsOwn() throws IOException {
        Model.copy(FILE, folder);
        try (Model model = Model.load(folder, Type.FLOAT)) {
            assertThat(model.weights()).isEqualTo(folder.resolve("gpt2.gguf"));
            assertThat(model.place()).isEqualTo(model.weights());
        }
    }

    @Test
    void whatIsSavedOfItIsAHuggingFaceFolder() throws IOException {
        try (Model model = Model.load(FILE, Type.FLOAT)) {
            model.saveWith(folder, model.target().weights(), "# A card\n");
        }
        assertThat(logits(folder)).isEqualTo(logits(FILE));
        assertThat(folder.resolve("config.json")).exists();
    }

    @Test
    void anInfiniteWeightIsNamedWhenAModelIsLoaded() throws IOException {
        Path plain = Gpt2ParityTest.folder("plain");
        Files.copy(plain.resolve("config.json"), folder.resolve("config.json"));
        Scopes.run(() -> {
            try (TensorMap map = Safetensors.read(plain.resolve(Model.WEIGHTS))) {
                SortedMap<String, Tensor> tensors = new TreeMap<>();
                map.names().forEach(name -> tensors.put(name, map.get(name)));
                tensors.put(
                        "ln_f.bias",
                        Tensors.of(new double[] {0, 0, Double.NaN, 0, 0, 0, 0, 0}, Type.FLOAT, 8));
                Safetensors.write(folder.resolve(Model.WEIGHTS), tensors, Map.of());
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
        assertThatThrownBy(() -> Model.load(folder, Type.FLOAT))
                .isInstanceOf(UserError.class)
                .hasMessageContaining(
                        "weight ln_f.bias must hold finite numbers, got NaN at element 2 of [8]");
    }
}
