package cleave.importance;

import cleave.config.AtLeast;
import cleave.config.NotEmpty;
import cleave.engine.Engine;
import cleave.engine.Products;
import cleave.model.Site;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// One MLP for the subcomponents of all sites, which reads at each position what all sites read
/// there (spec G7): a gate can tell what its own site does not show.
///
/// The input of each site is divided by its root mean square, so that none drowns the others, and
/// the results are concatenated in site order. Hidden layers follow, each with a GELU, which all
/// sites share. Each site has its own output layer.
///
/// @param hidden widths of the hidden layers
public record GlobalMlp(@NotEmpty @AtLeast(1) List<Integer> hidden) implements ImportanceFunction {
    /// Added to the mean square: an input of zeros stays one.
    static final double EPSILON = 1e-6;

    /// A copy of the list.
    public GlobalMlp {
        hidden = List.copyOf(hidden);
    }

    @Override
    public Map<String, Parameter> shared(List<Site> sites) {
        Map<String, Parameter> shared = new LinkedHashMap<>();
        long width = sites.stream().mapToLong(Site::gateWidth).sum();
        for (int layer = 0; layer < hidden.size(); layer++) {
            int next = hidden.get(layer);
            shared.put(weight(layer), Parameter.of(Math.sqrt(2.0 / width), width, next));
            shared.put(layerBias(layer), Parameter.of(0, next));
            width = next;
        }
        return shared;
    }

    private static String weight(int layer) {
        return "hidden_%d".formatted(layer + 1);
    }

    private static String layerBias(int layer) {
        return "hidden_%d_bias".formatted(layer + 1);
    }

    @Override
    public Map<String, Parameter> parameters(Site site, int C) {
        int width = hidden.getLast();
        return Map.of(
                "output",
                Parameter.of(1 / Math.sqrt(width), width, C).along(1),
                bias(),
                Parameter.of(0, C).along(0));
    }

    @Override
    public GatesPass open(GateInputs inputs) {
        Tensor x =
                Scopes.keep(() ->
                        Tensors.concatenate(
                                2,
                                inputs.sites().stream()
                                        .map(site -> normalised(site.activation()))
                                        .toArray(Tensor[]::new))); // [B, T, sum of d_in]
        Products products = inputs.engine().products();
        for (int layer = 0; layer < hidden.size(); layer++) {
            Tensor before =
                    products.product(x, inputs.shared().get(weight(layer)))
                            .add(inputs.shared().get(layerBias(layer)));
            x = Tensors.gelu(before);
        }
        Tensor last = x; // [B, T, hidden]
        return GatesPass.recorded(
                inputs.sites().stream()
                        .map(site ->
                                products.product(last, site.gate().get("output"))
                                        .add(site.gate().get(bias())))
                        .toList());
    }

    private static Tensor normalised(Tensor a) {
        return a.div(a.mul(a).mean(new long[] {2}, true).add(EPSILON).sqrt());
    }

    @Override
    public long kept(Engine engine, List<GatedSite> sites, long length) {
        long inputs = sites.stream().mapToLong(s -> s.site().gateWidth()).sum();
        long hiddens = hidden.stream().mapToLong(Integer::longValue).sum();
        long outputs = sites.stream().mapToLong(GatedSite::count).sum();
        return inputs + 3 * hiddens + 3 * outputs;
    }
}
