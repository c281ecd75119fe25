package cleave.hub;

import cleave.model.ModelSpec;
import cleave.model.Target;
import cleave.model.Task;
import cleave.tensor.Tensor;
import java.util.SortedMap;
import java.util.function.Function;

/// What stands in the place of a kind for a model that a program holds in memory: nothing of it can
/// be read from a `config.yaml`, only its task is known.
///
/// @param target the network
/// @param tasks makes the examples of a stream from its name
record HeldModel(Target target, Function<String, Task> tasks) implements ModelSpec {

    @Override
    public Target over(SortedMap<String, Tensor> weights, Runnable onClose) {
        throw new IllegalStateException("a model that a program holds is not made from weights");
    }

    @Override
    public SortedMap<String, Tensor> initial(long seed) {
        throw new IllegalStateException("a model that a program holds has no fresh weights");
    }

    @Override
    public Task task(String stream, int length) {
        return tasks.apply(stream);
    }

    @Override
    public int length() {
        return target.maximumLength();
    }
}
