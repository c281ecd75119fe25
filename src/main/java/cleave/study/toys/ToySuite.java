package cleave.study.toys;

import cleave.config.Checked;
import cleave.config.NotEmpty;
import cleave.config.Problems;
import cleave.hub.Control;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/// What is run and what must come out (`docs/toys.md`).
///
/// @param toys in the order of the table
public record ToySuite(@NotEmpty List<Toy> toys) implements Checked {

    /// One target and its decomposition.
    ///
    /// @param name of the toy
    /// @param model folder of the target; relative to the file, like all paths here
    /// @param training configuration that makes the target where it is missing
    /// @param control decompose a control of the target instead
    /// @param settings configurations of the decomposition: `paper`, `short`, `quick`
    /// @param cuts size below which a site's subcomponents are negligible, in the place of the
    ///   usual
    /// @param checks what must come out
    public record Toy(
            @NotEmpty String name,
            @NotEmpty String model,
            @NotEmpty String training,
            Optional<Control> control,
            Map<String, String> settings,
            Map<String, Double> cuts,
            @NotEmpty List<Check> checks) {}

    /// A figure, its bounds, and what others report.
    ///
    /// @param metric name of the figure
    /// @param atLeast lower bound
    /// @param atMost upper bound
    /// @param spd as in the SPD paper
    /// @param apd as in the APD column of that paper
    public record Check(
            @NotEmpty String metric,
            Optional<Double> atLeast,
            Optional<Double> atMost,
            Optional<String> spd,
            Optional<String> apd) {

        /// Whether there is a bound at all.
        public boolean isBound() {
            return atLeast.isPresent() || atMost.isPresent();
        }

        /// Whether a figure is within the bounds; a missing one or NaN is not.
        public boolean holds(double value) {
            return atLeast.map(bound -> value >= bound).orElse(!Double.isNaN(value))
                    && atMost.map(bound -> value <= bound).orElse(!Double.isNaN(value));
        }
    }

    @Override
    public void check(Problems problems) {
        Set<String> names = new HashSet<>();
        for (int i = 0; i < toys.size(); i++) {
            if (!names.add(toys.get(i).name())) {
                problems.add(
                        "toys[%d].name".formatted(i),
                        "must differ from the others', got " + toys.get(i).name());
            }
        }
    }
}
