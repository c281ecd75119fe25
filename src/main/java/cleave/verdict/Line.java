package cleave.verdict;

import java.util.Optional;

/// One check of a verdict.
///
/// @param check which
/// @param status where its figure stands
/// @param figure what was measured; NaN where it could not be
/// @param limit what it is held against; empty for information
/// @param measured the figure and what belongs beside it, in words
public record Line(
        Check check, Status status, double figure, Optional<Limit> limit, String measured) {

    static Line judged(Check check, double figure, Limit limit, String measured) {
        return new Line(check, limit.judge(figure), figure, Optional.of(limit), measured);
    }

    static Line information(Check check, double figure, String measured) {
        return new Line(check, Status.INFO, figure, Optional.empty(), measured);
    }
}
