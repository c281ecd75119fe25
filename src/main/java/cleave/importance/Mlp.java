package cleave.importance;

import cleave.config.AtLeast;
import cleave.config.Default;
import cleave.engine.Engine;
import cleave.engine.Gate;
import cleave.engine.GateFormulas;
import cleave.engine.GatePass;
import cleave.engine.Products;
import cleave.model.Site;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// One MLP per subcomponent on its own inner activation `(a V)_c`, the SPD paper's (spec G5).
///
/// @param hidden width of the hidden layer
/// @param scaled whether the inner activation is first multiplied by a constant of its own, which
///   makes it at most 1 in absolute value on the run's first examples
public record Mlp(@AtLeast(1) int hidden, @Default("false") boolean scaled) implements PerSite {
    private static final String SCALE = "scale";

    /// Pre-activations begin near this when they are scaled: gates begin half open.
    private static final double HALF = 0.5;

    /// An inner activation that is never larger than this counts as this large.
    private static final double LEAST = 1e-3;

    /// Gates on the inner activations as they are.
    public Mlp(int hidden) {
        this(hidden, false);
    }

    @Override
    public Map<String, Parameter> parameters(Site site, int C) {
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        parameters.put("hidden", Parameter.of(Math.sqrt(2), C, hidden).along(0));
        parameters.put("hidden_bias", Parameter.of(0, C, hidden).along(0));
        parameters.put("output", Parameter.of(1 / Math.sqrt(hidden), C, hidden).along(0));
        parameters.put("output_bias", Parameter.of(0, C).along(0));
        if (scaled) {
            parameters.put(SCALE, Parameter.of(0, C).along(0));
        }
        return parameters;
    }

    @Override
    public boolean startsAtInputs() {
        return scaled;
    }

    @Override
    public Map<String, Tensor> startedAt(Tensor inner) {
        if (!scaled) {
            return Map.of();
        }
        Tensor largest = inner.abs().amax(0).clamp_min(LEAST); // [C]
        return Map.of(
                SCALE,
                Tensors.onesLike(largest).div(largest),
                bias(),
                Tensors.onesLike(largest).mul(HALF));
    }

    /// The site's own input, which V multiplies.
    @Override
    public Tensor read(GateInputs.OfSite site) {
        return site.input();
    }

    /// The inner activations as the MLPs read them. No gradient reaches the scale.
    private Tensor read(Gate gate, Tensor inner) {
        return scaled ? inner.mul(gate.get(SCALE).detach()) : inner;
    }

    @Override
    public Tensor preactivation(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        return GateFormulas.onNumbers(
                gate, read(gate, Products.EXACT.product(activation, V))); // [B, T, C]
    }

    @Override
    public GatePass pass(
            Engine engine, Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        return engine.scalarMlps(gate, read(gate, engine.products().product(activation, V)));
    }

    @Override
    public long kept(Engine engine, Site site, int C, long length) {
        return engine.keptByScalarMlps(C, hidden);
    }
}
