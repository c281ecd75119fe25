package cleave.study.sports;

import java.util.List;
import java.util.SequencedMap;

/// What `cleave sports` found: its JSON object, and the file in the run directory.
///
/// @param model the target's name
/// @param run the run directory
/// @param step of the checkpoint
/// @param seed of the run
/// @param phrasing the wording that was trained on
/// @param used how many subcomponents are active on any subject's prompt
/// @param total how many there are
/// @param onTop of each phrasing how many answers are on top
/// @param knowledge every answer of the model
/// @param subjects what was found, by subject
record SportsReport(
        String model,
        String run,
        long step,
        long seed,
        String phrasing,
        int used,
        int total,
        List<OnTop> onTop,
        List<Knowledge.Known> knowledge,
        SequencedMap<String, SubjectReport> subjects) {

    /// A phrasing.
    ///
    /// @param phrasing its wording
    /// @param subjects how many have the answer on top
    record OnTop(String phrasing, long subjects) {}
}
