package cleave.importance;

import cleave.config.AtLeast;
import cleave.kernel.Kernels;
import cleave.model.Site;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
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
        Tensor inner = activation.matmul(V).unsqueeze(3); // [B, T, C, 1]
        Tensor hiddens = Tensors.gelu(inner.mul(gate.get("hidden")).add(gate.get("hidden_bias")));
        return Mlps.output(gate, hiddens); // [B, T, C]
    }

    @Override
    public GatePass pass(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        return Kernels.read(Tensors.type(activation))
                ? new FusedScalarMlps(gate, activation.matmul(V), hidden)
                : GatePass.recorded(preactivation(gate, activation, V, valid));
    }

    @Override
    public long kept(Site site, int C, long length, Type type) {
        return Kernels.read(type) ? 5L * C : PerSite.super.kept(site, C, length, type);
    }
}
