package cleave.analysis;

import java.util.List;
import java.util.SequencedMap;

/// Which subcomponents of a site are in use (spec A1, A2).
///
/// @param count C, the number of subcomponents
/// @param active mean number of active subcomponents at each mark, at the census' threshold
/// @param unique number of different subcomponents in use, at the census' threshold and floor 0.1 %
/// @param uniqueAt the same by threshold, then by frequency floor
/// @param subcomponents those active at least once at the census' threshold, by index
public record SiteCensus(
        int count,
        SequencedMap<String, Double> active,
        int unique,
        SequencedMap<String, SequencedMap<String, Integer>> uniqueAt,
        List<Active> subcomponents) {

    /// A subcomponent that is active somewhere.
    ///
    /// @param index in its site
    /// @param sequences number of sequences in which it is active at some position
    /// @param frequency their share
    /// @param meanImportance mean importance over the positions where it is active
    /// @param norm `|U_c| |V_c|`
    public record Active(
            int index, int sequences, double frequency, double meanImportance, double norm) {}
}
