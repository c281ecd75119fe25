package cleave.analysis;

import java.util.SequencedMap;

/// What figures were measured on. Padding is in none of the counts.
///
/// @param sequences of the fixed evaluation stream, from its first
/// @param positions valid positions
/// @param lossPositions positions at which outputs are compared
/// @param marks number of sequences whose mark of this name stands on a valid position
public record Sample(
        int sequences, long positions, long lossPositions, SequencedMap<String, Long> marks) {}
