package cleave.testing;

import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Replacement;
import cleave.model.Site;
import cleave.model.Target;
import cleave.tensor.Tensor;
import cleave.tensor.Type;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/// A target whose outputs may mean something else and whose replacements can be looked at.
///
/// @param target what runs
/// @param outputs what its outputs are taken for
/// @param onForward sees the replacements of every forward pass
public record WrappedTarget(
        Target target, Outputs outputs, Consumer<Map<String, Replacement>> onForward)
        implements Target {

    /// A target whose outputs are taken as plain numbers.
    public static Target values(Target target) {
        return new WrappedTarget(target, Outputs.VALUES, _ -> {});
    }

    @Override
    public List<Site> sites() {
        return target.sites();
    }

    @Override
    public SortedMap<String, Tensor> weights() {
        return target.weights();
    }

    @Override
    public Type type() {
        return target.type();
    }

    @Override
    public int maximumLength() {
        return target.maximumLength();
    }

    @Override
    public Clean clean(Batch batch) {
        return target.clean(batch);
    }

    @Override
    public Forward forward(Batch batch, Map<String, Replacement> replaced, @Nullable Clean from) {
        onForward.accept(replaced);
        return target.forward(batch, replaced, from);
    }

    @Override
    public void close() {
        target.close();
    }
}
