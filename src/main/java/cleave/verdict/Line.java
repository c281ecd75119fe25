package cleave.verdict;

import java.util.Optional;
import java.util.Set;

/// One check of a verdict.
///
/// @param check which
/// @param status where its figure stands
/// @param figure what was measured; NaN where it could not be
/// @param limit what it is held against; empty for information
/// @param measured the figure and what belongs beside it, in words
/// @param basis what the figure rests on
public record Line(
        Check check,
        Status status,
        double figure,
        Optional<Limit> limit,
        String measured,
        Basis basis) {

    /// What to do about it; nothing about a line that is passed.
    public Optional<String> whatToDo() {
        return switch (status) {
            case WARN, FAIL -> Optional.of(check.whatToDo());
            case PASS, INFO -> Optional.empty();
        };
    }

    /// The figure as text.
    public String shown() {
        return check.unit().text(figure);
    }

    /// From or to which figure it passes; empty for information.
    public String passes() {
        return limit.map(each -> sign(each.bound()) + check.unit().text(each.pass())).orElse("");
    }

    /// From or to which figure it only warns; empty for information and where nothing is between.
    public String warns() {
        return limit.filter(each -> each.warn() != each.pass())
                .map(each ->
                        Double.isInfinite(each.warn())
                                ? "always"
                                : sign(each.bound()) + check.unit().text(each.warn()))
                .orElse("");
    }

    private static String sign(Limit.Bound bound) {
        return switch (bound) {
            case AT_MOST -> "<= ";
            case AT_LEAST -> ">= ";
        };
    }

    static Line judged(Check check, double figure, Limit limit, String measured) {
        return new Line(
                check,
                limit.judge(figure),
                figure,
                Optional.of(limit),
                measured,
                Basis.of(check, Set.of()));
    }

    static Line information(Check check, double figure, String measured) {
        return new Line(
                check, Status.INFO, figure, Optional.empty(), measured, Basis.of(check, Set.of()));
    }

    /// The same in a run whose losses use the masks of these checks.
    Line trained(Set<Check> trained) {
        return new Line(check, status, figure, limit, measured, Basis.of(check, trained));
    }
}
