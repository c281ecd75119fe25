package cleave.importance;

import cleave.config.AtLeast;
import cleave.engine.Engine;
import cleave.engine.Gate;
import cleave.engine.GatePass;
import cleave.engine.SharedMlpPass;
import cleave.model.Site;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// One MLP for all subcomponents of a site (spec G5).
public record SharedMlp(@AtLeast(1) int hidden) implements PerSite {
    @Override
    public long kept(Engine engine, Site site, int C, long length) {
        return 2L * hidden + 3L * C;
    }

    @Override
    public Map<String, Parameter> parameters(Site site, int C) {
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        parameters.put(
                "hidden",
                Parameter.of(Math.sqrt(2.0 / site.gateWidth()), site.gateWidth(), hidden));
        parameters.put("hidden_bias", Parameter.of(0, hidden));
        parameters.put("output", Parameter.of(1 / Math.sqrt(hidden), hidden, C).along(1));
        parameters.put("output_bias", Parameter.of(0, C).along(0));
        return parameters;
    }

    @Override
    public GatePass pass(
            Engine engine, Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        return new SharedMlpPass(engine.products(), gate, activation);
    }

    @Override
    public Tensor preactivation(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        return Tensors.gelu(activation.matmul(gate.get("hidden")).add(gate.get("hidden_bias")))
                .matmul(gate.get("output"))
                .add(gate.get("output_bias")); // [B, T, C]
    }
}
