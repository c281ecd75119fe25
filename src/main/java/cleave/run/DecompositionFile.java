package cleave.run;

import cleave.config.UserError;
import cleave.decomposition.Compaction;
import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.ImportanceFunction;
import cleave.tensor.Safetensors;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.TensorMap;
import cleave.tensor.Tensors;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/// The tensors of `decomposition.safetensors`: every parameter in the original numbering, and for
/// sites with merged subcomponents `SITE.remainder` and the indices `SITE.alive` of those that are
/// left (spec C4). The file of an exported run has the parameters of those only, and says so in its
/// metadata.
final class DecompositionFile {
    private static final String REMAINDER = ".remainder";
    private static final String ALIVE = ".alive";

    private static final String SUBCOMPONENTS = "subcomponents";
    private static final String LIVING = "living";

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

    /// The metadata of a file without the merged subcomponents' parameters: that it is one, and how
    /// many subcomponents each site had.
    ///
    /// @param sites in the original numbering
    static SortedMap<String, String> livingOnly(List<DecomposedSite> sites) {
        SortedMap<String, String> metadata = new TreeMap<>();
        metadata.put(SUBCOMPONENTS, LIVING);
        sites.forEach(site ->
                metadata.put(SUBCOMPONENTS + "." + site.name(), Integer.toString(site.count())));
        return metadata;
    }

    /// What an exported run keeps: the same without the parameters of merged subcomponents.
    ///
    /// @param saved a saved decomposition, in the original numbering
    /// @param sites in the original numbering
    static SortedMap<String, Tensor> ofLiving(
            TensorMap saved, List<DecomposedSite> sites, ImportanceFunction function) {
        SortedMap<String, Tensor> kept = all(saved);
        kept.putAll(
                Compaction.narrow(parameters(saved, sites), sites, living(saved, sites), function));
        return kept;
    }

    /// Reads a file. Whether or not it has the merged subcomponents' parameters, what is read has
    /// them; the caller closes it.
    ///
    /// @param sites in the original numbering
    /// @throws UserError naming every parameter that these sites do not have, or have in another
    ///   shape
    static TensorMap read(Path file, List<DecomposedSite> sites, ImportanceFunction function) {
        SortedMap<String, String> metadata = Safetensors.header(file).metadata();
        boolean livingOnly = LIVING.equals(metadata.get(SUBCOMPONENTS));
        if (livingOnly) {
            requireSame(file.toString(), livingOnly(sites), metadata);
        }
        TensorMap saved = Safetensors.read(file);
        try {
            List<DecomposedSite> there = livingOnly ? living(saved, sites) : sites;
            requireShapes(saved, sites, Decomposition.shapes(there, function));
            return livingOnly ? expanded(saved, there, function) : saved;
        } catch (RuntimeException refused) {
            saved.close();
            throw refused;
        }
    }

    private static TensorMap expanded(
            TensorMap saved, List<DecomposedSite> living, ImportanceFunction function) {
        return Scopes.run(() -> {
            SortedMap<String, Tensor> expanded = all(saved);
            expanded.putAll(Compaction.expand(parameters(saved, living), living, function));
            TensorMap map = TensorMap.of(saved.source(), expanded);
            saved.close();
            return map;
        });
    }

    private static void requireShapes(
            TensorMap saved, List<DecomposedSite> sites, SortedMap<String, List<Long>> expected) {
        SortedMap<String, List<Long>> found = new TreeMap<>();
        all(saved)
                .forEach((name, tensor) ->
                        found.put(name, Arrays.stream(tensor.shape()).boxed().toList()));
        expected.putAll(extraShapes(sites, found));
        requireSame(saved.source(), expected, found);
    }

    private static void requireSame(
            String source, SortedMap<String, ?> expected, SortedMap<String, ?> found) {
        SortedSet<String> names = new TreeSet<>(expected.keySet());
        names.addAll(found.keySet());
        List<String> differences =
                names.stream()
                        .filter(name -> !Objects.equals(expected.get(name), found.get(name)))
                        .map(name ->
                                "  %s: %s here, %s there"
                                        .formatted(
                                                name,
                                                expected.containsKey(name)
                                                        ? expected.get(name)
                                                        : "absent",
                                                found.containsKey(name)
                                                        ? found.get(name)
                                                        : "absent"))
                        .toList();
        if (!differences.isEmpty()) {
            throw new UserError(
                    "saved decomposition must have the sites, subcomponents and importance function of the configuration, got differences (%s)\n%s"
                            .formatted(source, String.join("\n", differences)));
        }
    }

    private static SortedMap<String, Tensor> all(TensorMap saved) {
        SortedMap<String, Tensor> all = new TreeMap<>();
        saved.names().forEach(name -> all.put(name, saved.get(name)));
        return all;
    }

    /// The shapes of the tensors that are there beside the parameters.
    ///
    /// @param sites in the original numbering
    /// @param found shapes in the file
    private static SortedMap<String, List<Long>> extraShapes(
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
    static SortedMap<String, Tensor> parameters(TensorMap saved, List<DecomposedSite> sites) {
        SortedMap<String, Tensor> parameters = all(saved);
        for (DecomposedSite site : sites) {
            parameters.remove(site.name() + REMAINDER);
            parameters.remove(site.name() + ALIVE);
        }
        return parameters;
    }

    /// The remainders by site.
    static SortedMap<String, Tensor> remainders(TensorMap saved, List<DecomposedSite> sites) {
        SortedMap<String, Tensor> remainders = new TreeMap<>();
        for (DecomposedSite site : sites) {
            String name = site.name() + REMAINDER;
            if (saved.names().contains(name)) {
                remainders.put(site.name(), saved.get(name));
            }
        }
        return remainders;
    }

    /// The sites with those subcomponents that were not merged.
    ///
    /// @throws UserError when indices are not in range and ascending
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
                throw new UserError(
                        "tensor %s must hold ascending indices in 0..%d, got %s"
                                .formatted(name, count - 1, indices));
            }
            before = index;
        }
        return indices;
    }
}
