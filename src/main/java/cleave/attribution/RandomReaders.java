package cleave.attribution;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/// What stands beside each edge as chance: readers of length 1 in random directions, and random
/// outputs in the place of the end's.
final class RandomReaders {
    /// In the place of a site's name.
    static final String END = "end";

    private RandomReaders() {}

    /// The key of a random reader.
    @FunctionalInterface
    interface Keys {
        /// The key of one draw.
        ///
        /// @param site its name, or `END`
        Draws.Key of(String site, int position, int draw);
    }

    /// What every key of theirs begins with.
    static Draws.Key key() {
        return Draws.key(0, Draws.Purpose.EVALUATION).with("attribution");
    }

    /// Random readers at each position of each site that has a node, and random ends.
    ///
    /// @param readers those of nodes, that of the end last
    /// @param count drawn for each place; 0 for none
    static List<Reader> of(
            Decomposition decomposition,
            List<Reader> readers,
            Attribution.End end,
            int count,
            Keys keys) {
        List<Reader> random = new ArrayList<>();
        if (count == 0) {
            return random;
        }
        Type type = decomposition.target().type();
        Set<List<Integer>> places = new LinkedHashSet<>();
        for (Reader reader : readers.subList(0, readers.size() - 1)) {
            places.add(List.of(reader.site(), reader.position()));
        }
        for (List<Integer> each : places) {
            DecomposedSite site = decomposition.sites().get(each.get(0));
            if (site.site().readsTokens()) {
                continue; // nothing comes before it
            }
            for (int draw = 0; draw < count; draw++) {
                Tensor vector =
                        keys.of(site.name(), each.get(1), draw).normal(1, type, site.site().dIn());
                random.add(new Reader(each.get(0), each.get(1), vector.div(vector.norm())));
            }
        }
        for (int draw = 0; draw < count; draw++) {
            random.add(
                    new Reader(
                            decomposition.sites().size(),
                            end.position(),
                            Tensors.of(
                                    shuffled(end.weights(), keys.of(END, end.position(), draw)),
                                    type,
                                    end.weights().length)));
        }
        return random;
    }

    /// The same weights on outputs drawn at random, each on another one.
    private static double[] shuffled(double[] weights, Draws.Key key) {
        double[] shuffled = new double[weights.length];
        int draw = 0;
        Set<Integer> taken = new LinkedHashSet<>();
        for (double weight : weights) {
            if (weight != 0) {
                int at = key.below(weights.length, draw++);
                while (!taken.add(at)) {
                    at = (at + 1) % weights.length;
                }
                shuffled[at] = weight;
            }
        }
        return shuffled;
    }
}
