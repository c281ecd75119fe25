package cleave.testing;

import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.Positions;
import cleave.model.Replacement;
import cleave.model.Site;
import cleave.model.Site.Stored;
import cleave.model.Target;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Linear maps one after the other and a bias of one tenth at the end, on features `[B, T, d]`.
/// Every site is a block of its own.
///
/// @param sites in their order
/// @param weights by name
public record LinearTarget(List<Site> sites, SortedMap<String, Tensor> weights) implements Target {

    /// Independent maps with these weights `[d_out, d_in]`, named `linear1`, `linear2`, ...
    public static LinearTarget of(Tensor... weights) {
        List<Site> sites = new ArrayList<>();
        SortedMap<String, Tensor> named = new TreeMap<>();
        for (int i = 0; i < weights.length; i++) {
            String name = "linear" + (i + 1);
            named.put(name, weights[i]);
            sites.add(Site.whole(name, i, name, weights[i].size(1), weights[i].size(0)));
        }
        return new LinearTarget(sites, named);
    }

    /// `W` and then its transpose, one stored weight `[d_hidden, d]`.
    public static LinearTarget tied(Tensor W) {
        Site first = Site.whole("linear1", 0, "W", W.size(1), W.size(0));
        Site second =
                new Site(
                        "linear2",
                        1,
                        new Stored("W", true, 0),
                        W.size(0),
                        W.size(1),
                        Optional.of("linear1"));
        return new LinearTarget(List.of(first, second), new TreeMap<>(Map.of("W", W)));
    }

    @Override
    public Outputs outputs() {
        return Outputs.VALUES;
    }

    @Override
    public Type type() {
        return Tensors.type(weights.values().iterator().next());
    }

    @Override
    public int maximumLength() {
        return Integer.MAX_VALUE;
    }

    @Override
    public Clean clean(Batch batch) {
        List<Tensor> blockInputs = new ArrayList<>();
        Tensor outputs = run(batch, Map.of(), batch.inputs(), 0, blockInputs);
        SortedMap<String, Tensor> inputs = new TreeMap<>();
        for (int i = 0; i < sites.size(); i++) {
            inputs.put(sites.get(i).name(), blockInputs.get(i));
        }
        return new Clean(outputs, inputs, blockInputs, List.of());
    }

    @Override
    public Forward forward(Batch batch, Map<String, Replacement> replaced, @Nullable Clean from) {
        int first = 0;
        if (from != null) {
            first =
                    replaced.keySet().stream()
                            .mapToInt(name -> site(name).block())
                            .min()
                            .orElse(sites.size() - 1);
        }
        Tensor start = from == null ? batch.inputs() : from.blockInputs().get(first);
        return new Forward(run(batch, replaced, start, first, new ArrayList<>()), List.of());
    }

    private Tensor run(
            Batch batch,
            Map<String, Replacement> replaced,
            Tensor start,
            int first,
            List<Tensor> blockInputs) {
        Tensor x = start;
        for (Site site : sites.subList(first, sites.size())) {
            blockInputs.add(x);
            Replacement replacement = replaced.get(site.name());
            Tensor weight = weight(site);
            x = replacement == null ? x.matmul(weight.t()) : replacement.output(x, weight, null);
        }
        return Positions.select(x.add(0.1), batch.losses().index());
    }

    @Override
    public void close() {}
}
