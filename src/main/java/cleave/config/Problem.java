package cleave.config;

import java.util.Optional;

/// One mistake in a configuration.
///
/// @param where `file:line`, or `--set` for a value given on the command line
/// @param message the key's path and what is wrong with it: `losses[1].coefficient must be >= 0,
///   got -1.0`
/// @param hint what to do about it, where that is known
public record Problem(String where, String message, Optional<String> hint) {
    /// `where message`, and the hint on a second line.
    @Override
    public String toString() {
        return where + " " + message + hint.map(text -> "\n  hint: " + text).orElse("");
    }
}
