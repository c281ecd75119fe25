package cleave.verdict;

/// How importances compare with a solution known beforehand (`cleave.analysis.ImportanceError`).
///
/// @param solution what is known, in words
/// @param wrong entries that are not as they should be
/// @param entries all entries
public record GroundTruth(String solution, long wrong, long entries) {}
