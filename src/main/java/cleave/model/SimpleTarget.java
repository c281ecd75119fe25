package cleave.model;

import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// The shortest way to a model of one's own: a network is its sites, its weights and one method
/// that runs it, in which each site's map is asked for by name.
///
/// ```
/// protected Tensor run(Batch batch, Maps maps) {
///     Tensor hidden = maps.of("first", batch.inputs()).relu();
///     return Positions.select(maps.of("second", hidden), batch.losses().index());
/// }
/// ```
///
/// Every pass runs from the inputs. A target of many blocks saves work when it implements [Target]
/// and starts where the first replaced site is.
public abstract class SimpleTarget extends StoredTarget {
    private final Outputs outputs;

    /// A network with these sites and weights. It takes a share in each tensor until it is closed.
    ///
    /// @param outputs what the outputs mean
    /// @param sites every site that can be decomposed, in canonical order
    protected SimpleTarget(Outputs outputs, List<Site> sites, Map<String, Tensor> weights) {
        this(outputs, sites, weights, TensorMap.of("weights", weights));
    }

    private SimpleTarget(
            Outputs outputs, List<Site> sites, Map<String, Tensor> weights, TensorMap owned) {
        super(sites, new TreeMap<>(weights), owned::close);
        this.outputs = outputs;
    }

    /// The maps of the sites in one pass.
    @FunctionalInterface
    protected interface Maps {
        /// What the site of this name makes of its input, without bias.
        ///
        /// @param input `[B, T, d_in]` at every position
        Tensor of(String site, Tensor input);
    }

    /// Runs the network and returns its outputs at the loss positions, `[B, P, d_output]`. Each
    /// site is asked for once.
    protected abstract Tensor run(Batch batch, Maps maps);

    @Override
    public Outputs outputs() {
        return outputs;
    }

    /// The longest input: any, unless a network says otherwise.
    @Override
    public int maximumLength() {
        return Integer.MAX_VALUE;
    }

    @Override
    public Clean clean(Batch batch) {
        SortedMap<String, Tensor> inputs = new TreeMap<>();
        Tensor made =
                run(
                        batch,
                        (site, input) -> {
                            inputs.put(site, input);
                            return map(site(site), input, Map.of());
                        });
        return new Clean(made, inputs, List.of(), List.of());
    }

    @Override
    public Forward forward(Batch batch, Map<String, Replacement> replaced, @Nullable Clean from) {
        return new Forward(
                run(batch, (site, input) -> map(site(site), input, replaced)), List.of());
    }
}
