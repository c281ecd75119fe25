package cleave.importance;

import cleave.engine.Engine;
import cleave.engine.Gate;
import cleave.model.Clean;
import cleave.model.Site;
import cleave.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What the gates of all sites may read on one slice of a batch.
///
/// @param engine computes gates
/// @param sites the decomposed sites, in order
/// @param shared the parameters that all sites share
/// @param valid `[B, T]`, null when every position is valid
/// @param clean what is kept of the target's clean pass, without graph
public record GateInputs(
        Engine engine, List<OfSite> sites, Gate shared, @Nullable Tensor valid, Clean clean) {

    /// What belongs to one site.
    ///
    /// @param input of the site, as `Clean` has it, detached
    /// @param activation `[B, T, d_in]` the same in numbers; of a site that reads tokens the row
    ///   that the target has for each, `[B, T, d_out]`
    /// @param V `[d_in, C]`; a leaf, or a view of one, in training
    /// @param gate the site's own parameters
    public record OfSite(Site site, Tensor input, Tensor activation, Tensor V, Gate gate) {
        /// A site that reads numbers.
        public OfSite(Site site, Tensor activation, Tensor V, Gate gate) {
            this(site, activation, activation, V, gate);
        }
    }
}
