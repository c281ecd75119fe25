package cleave.mask;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.tensor.Draws;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Mask sources that all sequences and positions share, such as an adversary's (spec M4).
///
/// @param sources r of each site `[C]`, in site order
/// @param deltas delta mask of each site `[1]`, in site order; read only where the weight delta is
///   `stochastic`
public record SharedSources(List<Tensor> sources, List<Tensor> deltas) {

    /// Keeps unmodifiable copies of the lists.
    public SharedSources {
        sources = List.copyOf(sources);
        deltas = List.copyOf(deltas);
    }

    /// Uniform sources from `key` extended by each site's name: its first C numbers are the
    /// sources, the next one is the delta mask.
    public static SharedSources uniform(Decomposition decomposition, Draws.Key key) {
        ScalarType type = decomposition.target().type();
        List<Tensor> sources = new ArrayList<>();
        List<Tensor> deltas = new ArrayList<>();
        for (DecomposedSite site : decomposition.sites()) {
            float[] numbers = new float[site.count() + 1];
            key.with(site.name()).uniforms(numbers, 0, numbers.length);
            float[] delta = {numbers[site.count()]};
            sources.add(Tensors.of(Arrays.copyOf(numbers, site.count()), type, site.count()));
            deltas.add(Tensors.of(delta, type, 1));
        }
        return new SharedSources(sources, deltas);
    }

    /// Sources and deltas one after the other.
    public List<Tensor> all() {
        List<Tensor> all = new ArrayList<>(sources);
        all.addAll(deltas);
        return all;
    }
}
