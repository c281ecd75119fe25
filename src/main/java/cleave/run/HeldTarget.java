package cleave.run;

import cleave.config.Kinds;
import cleave.config.UserError;
import cleave.hub.Model;
import cleave.model.Target;
import cleave.model.Task;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.function.Function;

/// A target that a program holds in memory. A run keeps a copy of its weights, by which it is told
/// from others; the rest of it only the program knows.
///
/// @param target the network, which the program closes
/// @param tasks makes the examples of a stream from its name
/// @param kinds the program's own parts among them
/// @param copy the folder in the run directory that the copy lies in, or comes to lie in
record HeldTarget(Target target, Function<String, Task> tasks, Kinds kinds, Path copy)
        implements TargetSource {

    @Override
    public Model open() {
        return Model.held(target, tasks, copy);
    }

    @Override
    public void copyTo(Path folder) throws IOException {
        Files.createDirectories(folder);
        Safetensors.write(
                folder.resolve(Model.WEIGHTS), target.weights(), Map.of("format", "cleave-held"));
    }

    @Override
    public Model reopen(RunDirectory directory, RunFile file, Provenance provenance) {
        Path weights = copy.resolve(Model.WEIGHTS);
        try (TensorMap kept = Safetensors.read(weights)) {
            SortedMap<String, Tensor> own = target.weights();
            boolean same =
                    kept.names().equals(own.keySet())
                            && Scopes.run(() ->
                                    own.entrySet().stream().allMatch(each -> isSame(each, kept)));
            if (!same) {
                throw new UserError(
                        "target weights must be those the run was made on, got others (%s)\nhint: give the same model, or start a new run"
                                .formatted(weights));
            }
        }
        return open();
    }

    private static boolean isSame(Map.Entry<String, Tensor> own, TensorMap kept) {
        Tensor other = kept.get(own.getKey());
        return other.type() == own.getValue().type() && other.equal(own.getValue());
    }
}
