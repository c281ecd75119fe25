package cleave.hub;

import static org.assertj.core.api.Assertions.assertThat;

import cleave.model.ModelSpec;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ControlTest {
    private static final ModelSpec SPEC = new ModelSpec.Tms(4, 3, 1, false, 0.05);
    private static final double[] TRAINED = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

    @TempDir private Path temporary;

    @BeforeEach
    void writeTrained() {
        Scopes.run(() -> {
            SortedMap<String, Tensor> weights = new TreeMap<>(SPEC.initial(0));
            weights.put("linear1", Tensors.of(TRAINED, Type.FLOAT, 3, 4));
            try {
                Model.save(temporary.resolve("trained"), SPEC, weights, "# Trained\n");
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
    }

    @Test
    void shufflingKeepsTheNumbersAndWhatIsNeverTrained() throws IOException {
        double[] shuffled = written(Control.SHUFFLED, 1, "linear1");
        assertThat(shuffled)
                .isNotEqualTo(TRAINED)
                .isNotEqualTo(written(Control.SHUFFLED, 2, "linear1"));
        Arrays.sort(shuffled);
        assertThat(shuffled).containsExactly(TRAINED);
        assertThat(written(Control.SHUFFLED, 1, "hidden0"))
                .containsExactly(1, 0, 0, 0, 1, 0, 0, 0, 1);
    }

    @Test
    void anUntrainedControlHasFreshWeights() throws IOException {
        double[] fresh = written(Control.UNTRAINED, 1, "linear1");
        assertThat(fresh).isNotEqualTo(TRAINED);
        assertThat(Arrays.stream(fresh).map(Math::abs).max().orElseThrow())
                .isLessThanOrEqualTo(0.5);
    }

    private double[] written(Control control, long seed, String weight) throws IOException {
        Path folder = temporary.resolve(control + "-" + seed);
        control.write(temporary.resolve("trained"), folder, seed);
        Model.load(folder, Type.FLOAT).close();
        try (TensorMap map = Safetensors.read(folder.resolve(Model.WEIGHTS))) {
            return Tensors.toDoubles(map.get(weight));
        }
    }
}
