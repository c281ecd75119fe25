package cleave.importance;

import cleave.config.AtLeast;
import cleave.kernel.Kernels;
import cleave.model.Site;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// One attention head with learned relative positions on the scores and learned absolute positions
/// on the values, then one MLP per subcomponent ([DST]; spec G4).
///
/// @param headWidth width of queries, keys and values; d_in when absent
/// @param causal whether a position sees earlier ones only
/// @param positions size of the position tables; longer input is refused
/// @param ownActivation whether the MLPs also read the position's own activation
public record Sequence(
        @AtLeast(1) int hidden,
        @AtLeast(1) Optional<Integer> headWidth,
        boolean causal,
        @AtLeast(1) int positions,
        boolean ownActivation)
        implements PerSite {

    private long width(Site site) {
        return headWidth.map(Integer::longValue).orElse(site.dIn());
    }

    @Override
    public int maximumLength() {
        return positions;
    }

    @Override
    public Map<String, Parameter> parameters(Site site, int C) {
        long width = width(site);
        double deviation = 1 / Math.sqrt((double) site.dIn());
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        parameters.put("query", Parameter.of(deviation, site.dIn(), width));
        parameters.put("key", Parameter.of(deviation, site.dIn(), width));
        parameters.put("value", Parameter.of(deviation, site.dIn(), width));
        parameters.put("relative", Parameter.of(0, causal ? positions : 2L * positions - 1));
        parameters.put("absolute", Parameter.of(0, positions, site.dIn()));
        parameters.putAll(Mlps.parameters(ownActivation ? width + site.dIn() : width, C, hidden));
        return parameters;
    }

    @Override
    public Tensor preactivation(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        Tensor seen = seen(gate, activation, valid);
        Tensor z = ownActivation ? Tensors.concatenate(2, seen, activation) : seen; // [B, T, d_z]
        return Mlps.perSubcomponent(gate, z, hidden);
    }

    @Override
    public GatePass pass(Gate gate, Tensor activation, Tensor V, @Nullable Tensor valid) {
        return Kernels.read(Tensors.type(activation))
                ? FusedMlps.open(
                        gate, head(gate, activation, valid), ownActivation ? activation : null)
                : GatePass.recorded(preactivation(gate, activation, V, valid));
    }

    @Override
    public long kept(Site site, int C, long length, Type type) {
        long attention = 2 * length + 8L * site.dIn();
        return attention
                + (Kernels.read(type) ? 3L * C : PerSite.super.kept(site, C, length, type));
    }

    private HeadPass head(Gate gate, Tensor activation, @Nullable Tensor valid) {
        int width = Math.toIntExact(gate.get("query").size(1));
        if (valid == null && FusedHead.fits(activation, width)) {
            checkLength(activation.size(1));
            return new FusedHead(gate, activation, causal);
        }
        return HeadPass.recorded(seen(gate, activation, valid));
    }

    private void checkLength(long length) {
        if (length > positions) {
            throw new IllegalArgumentException(
                    "input length must be <= %d, the size of the importance function's position tables, got %d"
                            .formatted(positions, length));
        }
    }

    /// What the attention head reads at each position `[B, T, h]`.
    private Tensor seen(Gate gate, Tensor activation, @Nullable Tensor valid) {
        long length = activation.size(1);
        checkLength(length);
        Tensor q = activation.matmul(gate.get("query")); // [B, T, h]
        Tensor k = activation.matmul(gate.get("key"));
        Tensor v =
                activation.add(gate.get("absolute").narrow(0, 0, length)).matmul(gate.get("value"));
        Tensor scores =
                Tensors.baddbmm(
                        relative(gate, length),
                        q,
                        k.transpose(1, 2),
                        1,
                        1 / Math.sqrt((double) q.size(2))); // [B, T, T]
        if (valid != null) {
            // A finite floor: a padded first query would otherwise see nothing and turn into
            // NaN.
            scores = scores.masked_fill(valid.logical_not().unsqueeze(1), -1e30);
        }
        return Tensors.softmax(scores).matmul(v);
    }

    /// What is added to the scores of query n and key j, `[T, T]`.
    private Tensor relative(Gate gate, long length) {
        Tensor offset =
                Tensors.arange(length)
                        .unsqueeze(1)
                        .sub(Tensors.arange(length).unsqueeze(0)); // n - j
        Tensor index = causal ? offset.clamp_min(0) : offset.add(positions - 1L);
        Tensor relative =
                gate.get("relative").index_select(0, index.flatten()).view(length, length);
        return causal ? relative.masked_fill(offset.lt(0), Double.NEGATIVE_INFINITY) : relative;
    }
}
