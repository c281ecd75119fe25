package cleave.mask;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Mask sources that all sequences and positions share, such as an adversary's (spec M4).
///
/// @param sources r of each site `[C]`, in site order
/// @param deltas delta mask of each site `[1]`, in site order; read only where the weight delta is
///   `stochastic`
/// @param remainders mask of each site's remainder `[1]`, in site order; read only where it has one
public record SharedSources(List<Tensor> sources, List<Tensor> deltas, List<Tensor> remainders) {

    /// Keeps unmodifiable copies of the lists.
    public SharedSources {
        sources = List.copyOf(sources);
        deltas = List.copyOf(deltas);
        remainders = List.copyOf(remainders);
    }

    /// Uniform sources from `key` extended by each site's name: its first C numbers are the
    /// sources, the next one is the delta mask, the one after it the remainder's.
    public static SharedSources uniform(Decomposition decomposition, Draws.Key key) {
        Type type = decomposition.target().type();
        List<Tensor> sources = new ArrayList<>();
        List<Tensor> deltas = new ArrayList<>();
        List<Tensor> remainders = new ArrayList<>();
        for (DecomposedSite site : decomposition.sites()) {
            float[] numbers = new float[site.count() + 2];
            key.with(site.name()).uniforms(numbers, 0, numbers.length);
            float[] delta = {numbers[site.count()]};
            sources.add(Tensors.of(Arrays.copyOf(numbers, site.count()), type, site.count()));
            float[] remainder = {numbers[site.count() + 1]};
            deltas.add(Tensors.of(delta, type, 1));
            remainders.add(Tensors.of(remainder, type, 1));
        }
        return new SharedSources(sources, deltas, remainders);
    }

    /// Sources, deltas and remainders one after the other.
    public List<Tensor> all() {
        List<Tensor> all = new ArrayList<>(sources);
        all.addAll(deltas);
        all.addAll(remainders);
        return all;
    }
}
