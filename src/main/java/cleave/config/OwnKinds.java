package cleave.config;

import java.util.List;

/// Records of a user's own that configurations may name, found by `ServiceLoader`: a loss term, a
/// masking, an importance function.
///
/// A record belongs to every [Open] interface that it implements. With it a run's configuration can
/// be written and read again, so that the run can be resumed, counted and reported like any other.
public interface OwnKinds {
    /// The records.
    List<Class<? extends Record>> kinds();
}
