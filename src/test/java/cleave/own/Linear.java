package cleave.own;

import cleave.config.Above;
import cleave.engine.Gate;
import cleave.importance.PerSite;
import cleave.model.Site;
import cleave.tensor.Tensor;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// An importance function of one's own: a linear map of the site's input.
///
/// @param scale of the first weights
record Linear(@Above(0) double scale) implements PerSite {
    @Override
    public Map<String, Parameter> parameters(Site site, int C) {
        double deviation = scale / Math.sqrt((double) site.dIn());
        return Map.of(
                "weight",
                Parameter.of(deviation, site.dIn(), C).along(1),
                bias(),
                Parameter.of(0, C).along(0));
    }

    @Override
    public Tensor preactivation(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        return activation.matmul(gate.get("weight")).add(gate.get(bias()));
    }
}
