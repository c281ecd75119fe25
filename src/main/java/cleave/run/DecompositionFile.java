package cleave.run;

import cleave.decomposition.Compaction;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;

/// The tensors of `decomposition.safetensors`: every parameter in the original numbering, and for
/// sites with merged subcomponents `SITE.remainder` and the indices `SITE.alive` of those that are
/// left (spec C4).
final class DecompositionFile {
    private static final String REMAINDER = ".remainder";
    private static final String ALIVE = ".alive";

    private DecompositionFile() {}

    /// What is saved of a decomposition.
    static SortedMap<String, Tensor> of(Decomposition decomposition) {
        SortedMap<String, Tensor> saved =
                Compaction.expand(
                        decomposition.tensors(), decomposition.sites(), decomposition.function());
        decomposition
                .remainders()
                .forEach((site, remainder) -> {
                    saved.put(site + REMAINDER, remainder);
                    List<Integer> living = decomposition.site(site).living();
                    saved.put(
                            site + ALIVE,
                            Tensors.of(
                                    living.stream().mapToLong(Integer::longValue).toArray(),
                                    living.size()));
                });
        return saved;
    }

    /// The shapes of the tensors that are there beside the parameters.
    ///
    /// @param sites in the original numbering
    /// @param found shapes in the file
    static SortedMap<String, List<Long>> extraShapes(
            List<DecomposedSite> sites, Map<String, List<Long>> found) {
        SortedMap<String, List<Long>> extra = new TreeMap<>();
        for (DecomposedSite site : sites) {
            List<Long> alive = found.get(site.name() + ALIVE);
            boolean merged = alive != null || found.containsKey(site.name() + REMAINDER);
            if (merged && site.site().tiedTo().isEmpty()) {
                extra.put(site.name() + REMAINDER, List.of(site.site().dOut(), site.site().dIn()));
                boolean fits = alive != null && alive.size() == 1 && alive.getFirst() > 0;
                extra.put(site.name() + ALIVE, fits ? alive : List.of((long) site.count()));
            }
        }
        return extra;
    }

    /// The parameters alone, in the original numbering.
    static SortedMap<String, Tensor> parameters(TensorMap saved) {
        SortedMap<String, Tensor> parameters = new TreeMap<>();
        saved.names().stream()
                .filter(name -> !name.endsWith(REMAINDER) && !name.endsWith(ALIVE))
                .forEach(name -> parameters.put(name, saved.get(name)));
        return parameters;
    }

    /// The remainders by site.
    static SortedMap<String, Tensor> remainders(TensorMap saved) {
        SortedMap<String, Tensor> remainders = new TreeMap<>();
        saved.names().stream()
                .filter(name -> name.endsWith(REMAINDER))
                .forEach(name ->
                        remainders.put(
                                name.substring(0, name.length() - REMAINDER.length()),
                                saved.get(name)));
        return remainders;
    }

    /// The sites with those subcomponents that were not merged.
    ///
    /// @throws IllegalArgumentException when indices are not in range and ascending
    static List<DecomposedSite> living(TensorMap saved, List<DecomposedSite> sites) {
        return sites.stream()
                .map(site -> {
                    String alive = site.site().tiedTo().orElse(site.name()) + ALIVE;
                    return saved.names().contains(alive)
                            ? new DecomposedSite(
                                    site.site(),
                                    site.count(),
                                    indices(alive, saved.get(alive), site.count()))
                            : site;
                })
                .toList();
    }

    private static List<Integer> indices(String name, Tensor alive, int count) {
        List<Integer> indices =
                Arrays.stream(Tensors.toLongs(alive)).mapToObj(Math::toIntExact).toList();
        int before = -1;
        for (int index : indices) {
            if (index <= before || index >= count) {
                throw new IllegalArgumentException(
                        "tensor %s must hold ascending indices in 0..%d, got %s"
                                .formatted(name, count - 1, indices));
            }
            before = index;
        }
        return indices;
    }
}
