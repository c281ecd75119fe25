package cleave.importance;

import cleave.config.AtLeast;
import cleave.config.Default;
import cleave.engine.Engine;
import cleave.engine.Gate;
import cleave.engine.GateFormulas;
import cleave.engine.GatePass;
import cleave.engine.HeadPass;
import cleave.model.Site;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// One attention head with learned relative positions on the scores and learned absolute positions
/// on the values, then one MLP per subcomponent (DST; spec G4).
///
/// @param headWidth width of queries, keys and values; that of what they read when absent
/// @param causal whether a position sees earlier ones only
/// @param positions size of the position tables; longer input is refused
/// @param ownActivation whether the MLPs also read the position's own activation
public record Sequence(
        @AtLeast(1) int hidden,
        @AtLeast(1) Optional<Integer> headWidth,
        @Default("true") boolean causal,
        @AtLeast(1) int positions,
        @Default("true") boolean ownActivation)
        implements PerSite {

    private long width(Site site) {
        return headWidth.map(Integer::longValue).orElse(site.gateWidth());
    }

    @Override
    public int maximumLength() {
        return positions;
    }

    @Override
    public Map<String, Parameter> parameters(Site site, int C) {
        long width = width(site);
        double deviation = 1 / Math.sqrt((double) site.gateWidth());
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        parameters.put("query", Parameter.of(deviation, site.gateWidth(), width));
        parameters.put("key", Parameter.of(deviation, site.gateWidth(), width));
        parameters.put("value", Parameter.of(deviation, site.gateWidth(), width));
        parameters.put("relative", Parameter.of(0, causal ? positions : 2L * positions - 1));
        parameters.put("absolute", Parameter.of(0, positions, site.gateWidth()));
        parameters.putAll(
                Mlps.parameters(ownActivation ? width + site.gateWidth() : width, C, hidden));
        return parameters;
    }

    @Override
    public Tensor preactivation(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        checkLength(activation.size(1));
        Tensor seen = GateFormulas.seen(gate, activation, causal, valid);
        Tensor z = ownActivation ? Tensors.concatenate(2, seen, activation) : seen; // [B, T, d_z]
        return GateFormulas.perSubcomponent(gate, z);
    }

    @Override
    public GatePass pass(
            Engine engine, Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        checkLength(activation.size(1));
        HeadPass head = engine.head(gate, activation, causal, valid);
        return engine.mlps(gate, head, ownActivation ? activation : null);
    }

    @Override
    public long kept(Engine engine, Site site, int C, long length) {
        long attention = 2 * length + 8L * site.gateWidth();
        long read = ownActivation ? width(site) + site.gateWidth() : width(site);
        return attention + engine.keptByMlps(read, C, hidden);
    }

    private void checkLength(long length) {
        if (length > positions) {
            throw new IllegalArgumentException(
                    "input length must be <= %d, the size of the importance function's position tables, got %d"
                            .formatted(positions, length));
        }
    }
}
