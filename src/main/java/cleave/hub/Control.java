package cleave.hub;

import cleave.model.ModelSpec;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;

/// A model in which there is nothing to find, to set beside a decomposition of a trained one.
public enum Control {
    /// Fresh weights that were never trained.
    UNTRAINED,
    /// The trained weights, each tensor's numbers in a random order; what training leaves as it is
    /// stays.
    SHUFFLED;

    /// Writes the control of a model as a model of its own.
    ///
    /// @param from the trained model's folder
    /// @param to the control's folder
    public void write(Path from, Path to, long seed) throws IOException {
        ModelSpec spec = Model.spec(from);
        String card =
                "# A control\n\n%s weights of %s, seed %d. Made by Cleave; nothing was trained.\n"
                        .formatted(name().toLowerCase(Locale.ROOT), from.getFileName(), seed);
        Scopes.run(() -> {
            try {
                Model.save(
                        to,
                        spec,
                        switch (this) {
                            case UNTRAINED -> spec.initial(seed);
                            case SHUFFLED -> shuffled(from, spec, seed);
                        },
                        card);
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
    }

    private static SortedMap<String, Tensor> shuffled(Path from, ModelSpec spec, long seed) {
        SortedMap<String, Tensor> shuffled = new TreeMap<>();
        try (Model model = Model.load(from, Type.FLOAT)) {
            SortedMap<String, Tensor> trained = model.target().weights();
            Draws.Key key = Draws.key(seed, Draws.Purpose.INITIALISATION).with("shuffled");
            for (String name : trained.keySet()) {
                float[] values = Tensors.toFloats(Tensors.named(name, trained));
                if (!spec.frozen().contains(name)) {
                    shuffleInPlace(values, key.with(name));
                }
                shuffled.put(
                        name, Tensors.of(values, Type.FLOAT, Tensors.named(name, trained).shape()));
            }
        }
        return shuffled;
    }

    private static void shuffleInPlace(float[] values, Draws.Key key) {
        for (int i = values.length - 1; i > 0; i--) {
            int other = key.below(i + 1, i);
            float value = values[i];
            values[i] = values[other];
            values[other] = value;
        }
    }
}
