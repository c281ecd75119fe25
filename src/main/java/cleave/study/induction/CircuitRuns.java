package cleave.study.induction;

import cleave.analysis.Ablations;
import cleave.analysis.Evaluation;
import cleave.analysis.Evaluation.Slice;
import cleave.analysis.Patterns;
import cleave.analysis.Sample;
import cleave.analysis.SubcomponentId;
import cleave.config.UserError;
import cleave.decomposition.Decomposition;
import cleave.mask.Masking;
import cleave.mask.WeightDelta;
import cleave.model.Target;
import cleave.model.Task;
import cleave.tensor.Scopes;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

/// Runs the target and every condition on the same sequences.
final class CircuitRuns {

    /// Which subcomponents are on, at every position.
    sealed interface Condition {
        /// All, the merged ones among them, and no weight delta.
        record All() implements Condition {}

        /// Those named, and nothing else.
        record Only(Set<SubcomponentId> on) implements Condition {}

        /// All but those named, and the weight delta.
        record Without(Set<SubcomponentId> off) implements Condition {}

        /// All but what is not named at these sites, and the weight delta.
        record WithoutOthers(Set<String> sites, Set<SubcomponentId> on) implements Condition {}

        static Condition only(Collection<SubcomponentId> on) {
            return new Only(new TreeSet<>(on));
        }

        static Condition without(Collection<SubcomponentId> off) {
            return new Without(new TreeSet<>(off));
        }

        static Condition withoutOthers(Collection<String> sites, Collection<SubcomponentId> on) {
            return new WithoutOthers(new TreeSet<>(sites), new TreeSet<>(on));
        }
    }

    private final Decomposition decomposition;
    private final Map<Condition, CircuitFigures.Sum> sums = new LinkedHashMap<>();
    private final CircuitFigures.Sum target = new CircuitFigures.Sum();
    private final Evaluation.Counts counts = new Evaluation.Counts();

    CircuitRuns(
            Decomposition decomposition,
            Task task,
            Evaluation evaluation,
            Collection<Condition> conditions) {
        this.decomposition = decomposition;
        conditions.forEach(condition -> sums.put(condition, new CircuitFigures.Sum()));
        evaluation.forEach(slice -> {
            requireTwoLayers(slice);
            counts.add(slice, task);
            target.add(
                    slice,
                    slice.clean().outputs(),
                    slice.clean().attention().get(0),
                    slice.clean().attention().get(1));
            sums.forEach((condition, sum) -> Scopes.run(() -> add(slice, condition, sum)));
        });
    }

    private void add(Slice slice, Condition condition, CircuitFigures.Sum sum) {
        Masking.Given masks =
                switch (condition) {
                    case Condition.All() -> Ablations.without(decomposition, List.of());
                    case Condition.Only(Set<SubcomponentId> on) ->
                            Ablations.only(decomposition, on);
                    case Condition.Without(Set<SubcomponentId> off) ->
                            Ablations.without(decomposition, off);
                    case Condition.WithoutOthers(Set<String> sites, Set<SubcomponentId> on) ->
                            Ablations.withoutOthers(decomposition, sites, on);
                };
        WeightDelta delta =
                switch (condition) {
                    case Condition.All _, Condition.Only _ -> WeightDelta.NONE;
                    case Condition.Without _, Condition.WithoutOthers _ -> WeightDelta.ON;
                };
        Target.Forward pass =
                Ablations.pass(masks, decomposition, slice.batch(), slice.clean(), delta);
        sum.add(
                slice,
                pass.outputs(),
                Patterns.of(slice.clean(), pass, 0),
                Patterns.of(slice.clean(), pass, 1));
    }

    private static void requireTwoLayers(Slice slice) {
        int layers = slice.clean().attention().size();
        if (layers < 2) {
            throw new UserError(
                    "circuit check must have a target with at least 2 layers of attention, got "
                            + layers);
        }
    }

    CircuitFigures target() {
        return target.figures();
    }

    CircuitFigures figures(Condition condition) {
        return Objects.requireNonNull(sums.get(condition)).figures();
    }

    Sample sample() {
        return counts.sample();
    }

    List<Long> sampleToS1() {
        return target.counted();
    }
}
