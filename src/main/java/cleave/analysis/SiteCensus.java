package cleave.analysis;

import java.util.List;
import java.util.SequencedMap;

/// Which subcomponents of a site are in use (spec A1, A2).
///
/// @param count C, the number of subcomponents
/// @param active mean number of active subcomponents at each mark, at the census' threshold
/// @param unique number of different subcomponents in use, at the census' threshold and floor 0.1 %
/// @param uniqueAt the same by threshold, then by frequency floor
/// @param values how many importances are clearly on or off
/// @param subcomponents those active at least once at the census' threshold, by index
public record SiteCensus(
        int count,
        SequencedMap<String, Double> active,
        int unique,
        SequencedMap<String, SequencedMap<String, Integer>> uniqueAt,
        Values values,
        List<Active> subcomponents) {

    /// An importance up to this one is as good as 0.
    public static final double ABOVE_ZERO = 0.01;

    /// An importance between these two is undecided: neither off nor on.
    public static final double UNDECIDED_FROM = 0.1;

    /// See `UNDECIDED_FROM`.
    public static final double UNDECIDED_TO = 0.9;

    /// Lower importances at valid positions (spec A15).
    ///
    /// @param aboveZero how many are above 0.01
    /// @param undecided how many are between 0.1 and 0.9
    public record Values(long aboveZero, long undecided) {}

    /// A subcomponent that is active somewhere.
    ///
    /// @param index in its site
    /// @param sequences number of sequences in which it is active at some position
    /// @param frequency their share
    /// @param density share of valid positions at which it is active
    /// @param meanImportance mean importance over the positions where it is active
    /// @param norm `|U_c| |V_c|`
    public record Active(
            int index,
            int sequences,
            double frequency,
            double density,
            double meanImportance,
            double norm) {}
}
