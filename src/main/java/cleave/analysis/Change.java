package cleave.analysis;

import cleave.tensor.Tensor;
import java.util.Collection;
import java.util.Collections;
import java.util.SortedMap;
import java.util.TreeMap;

/// What is changed in a target before it is asked again (spec A5, A10).
public sealed interface Change {

    /// Where masks are changed.
    enum At {
        /// At every position of every sequence, which is what an edit of the weights does.
        EVERYWHERE,
        /// Only at the positions where the subcomponent is active.
        ACTIVE
    }

    /// Subcomponents under other masks than 1. The masks of all others stay 1 and the weight delta
    /// stays whole.
    ///
    /// @param masks of the changed subcomponents; 0 suppresses
    /// @param at where
    /// @param threshold importance above which a subcomponent is active; EVERYWHERE ignores it
    record Masked(SortedMap<SubcomponentId, Double> masks, At at, double threshold)
            implements Change {

        /// Copies the masks.
        public Masked {
            masks = Collections.unmodifiableSortedMap(new TreeMap<>(masks));
        }

        /// Suppresses subcomponents.
        public static Masked without(Collection<SubcomponentId> off, At where, double threshold) {
            SortedMap<SubcomponentId, Double> masks = new TreeMap<>();
            off.forEach(id -> masks.put(id, 0.0));
            return new Masked(masks, where, threshold);
        }
    }

    /// Other weights.
    ///
    /// @param weights `W [d_out, d_in]` of the changed sites, by name; whoever made them frees them
    record Edited(SortedMap<String, Tensor> weights) implements Change {

        /// Copies the map, not the tensors.
        public Edited {
            weights = Collections.unmodifiableSortedMap(new TreeMap<>(weights));
        }
    }
}
