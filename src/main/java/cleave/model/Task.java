package cleave.model;

import cleave.tensor.Draws;
import cleave.tensor.Tensor;
import java.util.List;
import java.util.SortedMap;

/// Where examples come from. Every example is a function of (seed, purpose, index) alone (spec R5).
public interface Task {

    /// A batch with the answers.
    ///
    /// @param batch the inputs
    /// @param labels the right answer at each loss position: tokens `[B, P]`, negative where no
    ///   answer is known, or values `[B, P, d_output]`
    /// @param marks positions with a meaning, by name, each `[B]`
    record Examples(Batch batch, Tensor labels, SortedMap<String, Tensor> marks) {}

    /// The name of the stream.
    String stream();

    /// Sequences `first .. first + rows - 1` of the stream.
    Examples examples(long seed, Draws.Purpose purpose, long first, int rows);

    /// The names of the marked positions, in the order of tables.
    List<String> marks();
}
