package cleave.sweep;

import cleave.run.Provenance;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What a sweep keeps of one run.
///
/// @param vary the values of the varied keys, as YAML on one line
/// @param seed of the run
/// @param run its directory within that of the sweep
/// @param error why there are no figures; absent when the run reached its end
/// @param figures by name; null where one was not finite
/// @param minutes of training, over all sessions
/// @param program that ran its last session; absent when it never began
/// @param machine of its last session; absent when it never began
/// @param command that makes this run by itself
public record Row(
        Map<String, String> vary,
        long seed,
        String run,
        @Nullable String error,
        Map<String, @Nullable Double> figures,
        double minutes,
        Provenance.@Nullable Program program,
        Provenance.@Nullable Machine machine,
        String command) {

    /// Whether the run reached its end and was measured.
    public boolean finished() {
        return error == null;
    }
}
