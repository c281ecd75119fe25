package cleave.importance;

import cleave.config.AtLeast;
import cleave.engine.Engine;
import cleave.engine.Gate;
import cleave.engine.GateFormulas;
import cleave.engine.GatePass;
import cleave.model.Site;
import cleave.tensor.Tensor;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// One MLP per subcomponent on the position's activation (SPD code's `vector_mlp`; spec G5).
public record VectorMlp(@AtLeast(1) int hidden) implements PerSite {
    @Override
    public Map<String, Parameter> parameters(Site site, int C) {
        return Mlps.parameters(site.gateWidth(), C, hidden);
    }

    @Override
    public Tensor preactivation(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        return GateFormulas.perSubcomponent(gate, activation);
    }

    @Override
    public GatePass pass(
            Engine engine, Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        return engine.mlps(gate, null, activation);
    }

    @Override
    public long kept(Engine engine, Site site, int C, long length) {
        return engine.keptByMlps(site.gateWidth(), C, hidden);
    }
}
