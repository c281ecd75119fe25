package cleave.training;

import cleave.decomposition.Parameters.Leaves;
import cleave.loss.Faithfulness;
import cleave.ranks.Exchange;
import cleave.schedule.Schedule;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.testing.Problem;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/// The losses and gradients of a problem by the production step, without an update. Opened and
/// closed inside a scope.
final class StepRunner implements AutoCloseable {
    /// No faithfulness.
    static final Faithfulness NONE = new Faithfulness(Schedule.constant(0), false);

    private final List<Leaves> leaves = new ArrayList<>();
    private final SlicedStep step;

    StepRunner(
            Problem problem,
            List<Stream> streams,
            Faithfulness faithfulness,
            Workers workers,
            int sliceRows,
            long seed,
            long steps) {
        this(
                problem,
                streams,
                faithfulness,
                workers,
                sliceRows,
                seed,
                steps,
                SlicedStep.KEPT_BYTES);
    }

    StepRunner(
            Problem problem,
            List<Stream> streams,
            Faithfulness faithfulness,
            Workers workers,
            int sliceRows,
            long seed,
            long steps,
            long keptBytes) {
        Leaves first = problem.parameters().leaves();
        leaves.add(first);
        for (int i = 1; i < workers.count(); i++) {
            leaves.add(problem.parameters().leaves(first));
        }
        step =
                new SlicedStep(
                        problem.decomposition(),
                        streams,
                        faithfulness,
                        leaves,
                        workers,
                        Exchange.alone(),
                        seed,
                        steps,
                        sliceRows,
                        keptBytes);
    }

    /// Runs one step.
    StepOutcome run(long number) {
        StepOutcome outcome = step.gradients(number, true);
        for (Leaves other : leaves.subList(1, leaves.size())) {
            Tensor own = other.gradient(); // of U and V alone
            leaves.getFirst().gradient().narrow(0, 0, own.numel()).add_(own);
        }
        return outcome;
    }

    /// The gradients that the last step left, by parameter name.
    SortedMap<String, double[]> gradients() {
        SortedMap<String, double[]> gradients = new TreeMap<>();
        for (Map.Entry<String, Tensor> leaf : leaves.getFirst().tensors().entrySet()) {
            gradients.put(leaf.getKey(), gradient(leaf.getValue()));
        }
        return gradients;
    }

    private static double[] gradient(Tensor leaf) {
        return Scopes.run(() -> Tensors.toDoubles(leaf.grad()));
    }

    @Override
    public void close() {
        leaves.forEach(Leaves::close);
    }
}
