package cleave.testing;

import cleave.target.Batch;
import cleave.target.Clean;
import cleave.target.Replacement;
import cleave.target.Site;
import cleave.target.Target;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// A target whose outputs are taken as plain numbers.
public record ValuesTarget(Target target) implements Target {
    @Override
    public Outputs outputs() {
        return Outputs.VALUES;
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
    public ScalarType type() {
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
        return target.forward(batch, replaced, from);
    }

    @Override
    public void close() {
        target.close();
    }
}
