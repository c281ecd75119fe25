package cleave.importance;

import cleave.config.AtLeast;
import cleave.engine.Engine;
import cleave.engine.Gate;
import cleave.engine.GateFormulas;
import cleave.engine.GatePass;
import cleave.model.Site;
import cleave.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// One MLP per subcomponent on its own inner activation `(a V)_c`, the SPD paper's (spec G5).
public record Mlp(@AtLeast(1) int hidden) implements PerSite {
    @Override
    public Map<String, Parameter> parameters(Site site, int C) {
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        parameters.put("hidden", Parameter.of(Math.sqrt(2), C, hidden).along(0));
        parameters.put("hidden_bias", Parameter.of(0, C, hidden).along(0));
        parameters.put("output", Parameter.of(1 / Math.sqrt(hidden), C, hidden).along(0));
        parameters.put("output_bias", Parameter.of(0, C).along(0));
        return parameters;
    }

    @Override
    public Tensor preactivation(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        return GateFormulas.onNumbers(gate, activation.matmul(V)); // [B, T, C]
    }

    @Override
    public GatePass pass(
            Engine engine, Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        return engine.scalarMlps(gate, engine.products().product(activation, V));
    }

    @Override
    public long kept(Engine engine, Site site, int C, long length) {
        return engine.keptByScalarMlps(C, hidden);
    }
}
