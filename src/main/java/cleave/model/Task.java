package cleave.model;

import cleave.model.Batch.LossPositions;
import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.SortedMap;
import java.util.TreeMap;

/// Where examples come from. Every example is a function of (seed, purpose, index) alone (spec R5).
public interface Task {

    /// A batch with the answers.
    ///
    /// @param batch the inputs
    /// @param labels the right answer at each loss position: tokens `[B, P]`, negative where no
    ///   answer is known, or values `[B, P, d_output]`
    /// @param marks positions with a meaning, by name, each `[B]`
    record Examples(Batch batch, Tensor labels, SortedMap<String, Tensor> marks) {

        /// Sequences without padding or marks, whose outputs are compared at the last position.
        ///
        /// @param stream name of the stream
        /// @param first number of the first sequence in its stream
        /// @param inputs tokens `[B, T]` or features `[B, T, d]`
        /// @param labels the right answers, `[B, 1]` tokens or `[B, 1, d_output]` values
        public static Examples whole(String stream, long first, Tensor inputs, Tensor labels) {
            LossPositions last = LossPositions.last(inputs.size(0), inputs.size(1), null);
            return new Examples(
                    new Batch(stream, first, inputs, null, last), labels, new TreeMap<>());
        }
    }

    /// The name of the stream.
    String stream();

    /// Sequences `first .. first + rows - 1` of the stream.
    Examples examples(long seed, Draws.Purpose purpose, long first, int rows);

    /// How many different sequences there are, where they are few and known.
    default long different() {
        return Long.MAX_VALUE;
    }

    /// The names of the marked positions, in the order of tables.
    List<String> marks();

    /// Other kinds of sequences on which the same is asked, by what they are called; none by
    /// default. A circuit holds on them too; what merely fits the sequences of this task may not.
    default SequencedMap<String, Task> unlike() {
        return new LinkedHashMap<>();
    }
}
