package cleave.config;

/// A record with rules that span several keys, checked after the whole tree has been bound.
///
/// A record is asked only when everything in it could be bound, so `check` sees values that obey
/// the rules of their own components.
public interface Checked {
    /// Adds a problem for every broken rule, its path relative to this record.
    void check(Problems problems);
}
