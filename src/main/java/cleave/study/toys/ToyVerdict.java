package cleave.study.toys;

import cleave.study.toys.ToySuite.Check;
import cleave.study.toys.ToySuite.Toy;
import java.util.List;

/// The rows of one toy beside what must come out.
///
/// @param toy what was run
/// @param rows of it, one per seed
public record ToyVerdict(Toy toy, List<ToyRow> rows) {

    /// Whether the toy is there to show what figures look like when there is nothing to find.
    public boolean isControl() {
        return toy.control().isPresent();
    }

    /// How many rows hold a check.
    public int holding(Check check) {
        return (int) rows.stream().filter(row -> check.holds(row.number(check.metric()))).count();
    }

    /// How many rows hold every check that has a bound.
    public int passing() {
        return (int)
                rows.stream()
                        .filter(row ->
                                toy.checks().stream()
                                        .filter(Check::isBound)
                                        .allMatch(check -> check.holds(row.number(check.metric()))))
                        .count();
    }

    /// Whether nothing is amiss: every row holds, or it is a control.
    public boolean isFine() {
        return isControl() || passing() == rows.size();
    }
}
