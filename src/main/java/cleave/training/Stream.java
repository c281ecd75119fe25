package cleave.training;

import cleave.loss.LossTerm;
import cleave.mask.WeightDelta;
import cleave.model.Task;
import java.util.List;

/// Examples of one kind and what is asked of the decomposition on them.
///
/// @param task where the examples come from
/// @param batch sequences per step
/// @param weightDelta how much of the weight delta stays
/// @param losses terms on this stream, except faithfulness
public record Stream(Task task, int batch, WeightDelta weightDelta, List<LossTerm> losses) {

    /// The stream's name.
    public String name() {
        return task.stream();
    }
}
