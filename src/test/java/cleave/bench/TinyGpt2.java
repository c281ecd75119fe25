package cleave.bench;

import cleave.hub.Model;
import cleave.model.ModelSpec;
import cleave.model.Activation;
import cleave.tensor.Scopes;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;

/// A GPT-2 with random weights that takes the place of a tiny run's target: two blocks of width 8
/// with two heads and 16 neurons, 10 tokens, sequences of 12, compared at every position.
final class TinyGpt2 {
    private static final ModelSpec.Gpt2 SPEC =
            new ModelSpec.Gpt2(10, 12, 8, 2, 2, 16, Activation.GELU_NEW, 1e-5, true);

    private TinyGpt2() {}

    /// Writes the model and gives what is set for a run on it, with 4 subcomponents of one c_fc and
    /// of one c_attn.
    static List<String> write(Path folder) {
        Path model = folder.resolve("gpt2");
        Scopes.run(() -> {
            try {
                Model.save(model, SPEC, SPEC.initial(0), "# Random weights\n");
            } catch (IOException failure) {
                throw new UncheckedIOException(failure);
            }
        });
        return List.of(
                "target=" + model,
                "sites=[{pattern: \"h.0.mlp.c_fc\", subcomponents: 4}, {pattern: \"h.1.attn.c_attn\", subcomponents: 4}]");
    }
}
