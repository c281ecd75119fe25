package cleave.study.induction;

import cleave.analysis.SubcomponentId;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The circuit with the active subcomponents of a matrix, or of all matrices of a step, suppressed:
/// mask 0 at every position for those, 1 for all others, the weight delta kept.
///
/// @param name of the matrix or step
/// @param sites whose active subcomponents are suppressed
/// @param suppressed the active subcomponents
/// @param figures with these suppressed
/// @param controls with as many inactive ones of like norm suppressed; none where nothing is active
/// @param others with all others of these sites suppressed instead; absent where nothing is active
public record SuppressedGroup(
        String name,
        List<String> sites,
        List<SubcomponentId> suppressed,
        CircuitFigures figures,
        List<Control> controls,
        @Nullable Others others) {

    /// One draw of inactive subcomponents.
    ///
    /// @param draw counted from 0
    /// @param suppressed the inactive subcomponents; fewer than the active ones where they run out
    /// @param normRatio sum of the norms of the active ones over that of these; infinite when none
    /// @param figures with these suppressed
    public record Control(
            int draw, List<SubcomponentId> suppressed, double normRatio, CircuitFigures figures) {}

    /// The active subcomponents of a group's sites without the others: mask 0 at every position for
    /// every other one and for the remainder.
    ///
    /// @param suppressed how many others there are, the merged ones among them
    /// @param figures with these suppressed
    public record Others(int suppressed, CircuitFigures figures) {}
}
