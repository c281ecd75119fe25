package cleave.loss;

import cleave.config.Open;
import cleave.schedule.Schedule;
import cleave.tensor.Scopes;
import java.util.OptionalDouble;

/// One term of a stream's objective (spec L2, L4 to L9): its configuration, its value and its
/// gradient.
///
/// A batch is taken in slices of whole sequences. A term that adds up over slices only has `apply`.
/// A term whose gradient in one slice depends on the others says `couples`, and gives a `summary`
/// of each slice, `[site][c]`; summaries of all slices are merged number by number before any
/// gradient is taken, by one process or by several.
///
/// The interface is open: a record of a user's own that implements it can be named in a
/// configuration (see [cleave.config.OwnKinds]) and given to a trainer.
@Open(
        core = {
            Reconstruction.class,
            ImportanceMinimality.class,
            Usage.class,
            UnusedEffect.class,
            UsedAlone.class
        })
public interface LossTerm {

    /// What the term is multiplied with at each step.
    Schedule coefficient();

    /// The term's name in metrics and messages.
    String name();

    /// Whether its gradient in one slice of a batch depends on the other slices.
    default boolean couples() {
        return false;
    }

    /// What the other slices need to know of this one, a number for each subcomponent of each site;
    /// only asked of terms that couple. Runs without a graph.
    default double[][] summary(ImportanceSlice slice) {
        throw new IllegalStateException(name() + " does not couple slices");
    }

    /// What two slices' numbers become together; by default their sum.
    default double merge(double one, double other) {
        return one + other;
    }

    /// Computes the term on one slice and adds its gradient, times the coefficient, to those of U,
    /// V and the importances.
    ///
    /// @param slice with the ways to differentiate
    /// @param batch the merged summaries; empty where the term does not couple
    /// @return the slice's part of the value, without the coefficient
    double apply(LossSlice slice, BatchSummary batch);

    /// Computes the term on a batch that is one slice, for those who do not cut batches: summary,
    /// gradients and value in one.
    ///
    /// @return the value, without the coefficient
    default double applyToWhole(LossSlice slice) {
        double[][] numbers =
                couples()
                        ? Scopes.withoutGradient(() -> summary(slice.importances()))
                        : new double[0][];
        BatchSummary batch = new BatchSummary(numbers, slice.sizes());
        double value = apply(slice, batch);
        return value(batch).orElse(value);
    }

    /// The term's value from the merged summaries, where that is not the sum of what slices
    /// returned.
    default OptionalDouble value(BatchSummary batch) {
        return OptionalDouble.empty();
    }
}
