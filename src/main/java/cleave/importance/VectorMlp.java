package cleave.importance;

import cleave.config.AtLeast;
import cleave.kernel.Kernels;
import cleave.model.Site;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// One MLP per subcomponent on the position's activation (SPD code's `vector_mlp`; spec G5).
public record VectorMlp(@AtLeast(1) int hidden) implements PerSite {
    @Override
    public Map<String, Parameter> parameters(Site site, int C) {
        return Mlps.parameters(site.dIn(), C, hidden);
    }

    @Override
    public Tensor preactivation(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        return Mlps.perSubcomponent(gate, activation, hidden);
    }

    @Override
    public GatePass pass(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        return Kernels.read(Tensors.type(activation))
                ? FusedMlps.open(gate, null, activation)
                : GatePass.recorded(preactivation(gate, activation, V, valid));
    }
}
