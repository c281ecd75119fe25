package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.mask.Masking;
import cleave.mask.WeightDelta;
import cleave.model.Task;
import cleave.tensor.Scopes;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/// What the used subcomponents do alone on sequences that are unlike those of training (spec A17):
/// on at every position, all others off, no weight delta. No loss can have seen to it.
///
/// @param kinds one for each kind of sequences; none where the task has no other kind
public record Unlike(List<Kind> kinds) {

    /// Sequences of one kind.
    ///
    /// @param name what they are
    /// @param sequences how many
    /// @param target accuracy of the target on them
    /// @param accuracy of the used subcomponents alone
    /// @param kl of the used subcomponents alone, nats per loss position
    public record Kind(String name, int sequences, double target, double accuracy, double kl) {
        /// The accuracy as a share of the target's; NaN where the target is never right.
        public double share() {
            return target > 0 ? accuracy / target : Double.NaN;
        }
    }

    /// Keeps an unmodifiable copy.
    public Unlike {
        kinds = List.copyOf(kinds);
    }

    /// Measures each kind of sequences that the task has beside its own.
    ///
    /// @param used the subcomponents that are on
    /// @param sequences of each kind
    /// @param sliceRows sequences at a time
    public static Unlike of(
            Decomposition decomposition,
            Task task,
            Collection<SubcomponentId> used,
            int sequences,
            int sliceRows) {
        List<Kind> kinds = new ArrayList<>();
        for (Map.Entry<String, Task> kind : task.unlike().entrySet()) {
            Tally target = new Tally();
            Tally alone = new Tally();
            Scopes.run(() -> {
                Masking.Given masks = Ablations.only(decomposition, used);
                new Evaluation(decomposition.target(), kind.getValue(), sequences, sliceRows)
                        .forEach(slice -> {
                            target.add(slice, slice.clean().outputs());
                            alone.add(
                                    slice,
                                    Ablations.pass(
                                                    masks,
                                                    decomposition,
                                                    slice.batch(),
                                                    slice.clean(),
                                                    WeightDelta.NONE)
                                            .outputs());
                        });
            });
            kinds.add(
                    new Kind(
                            kind.getKey(),
                            sequences,
                            target.accuracy(),
                            alone.accuracy(),
                            alone.kl()));
        }
        return new Unlike(kinds);
    }

    /// The kind on which the smallest share of the target's accuracy is kept.
    public Kind least() {
        return kinds.stream().min(Comparator.comparingDouble(Kind::share)).orElseThrow();
    }

    /// The kind of the largest divergence.
    public Kind farthest() {
        return kinds.stream().max(Comparator.comparingDouble(Kind::kl)).orElseThrow();
    }
}
