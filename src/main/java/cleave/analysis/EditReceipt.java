package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.model.Replacement;
import cleave.model.Target;
import cleave.model.Task;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/// How far an exported edit of the weights is from the masks that it stands for, from the edit in
/// memory and from the target, over the first sequences of the evaluation stream.
///
/// @param sequences how many
/// @param positions compared
/// @param maskedToEdited largest difference of a logit between masks and edited weights; where
///   subcomponents write something else, between the sum of both and edited weights
/// @param exportedToEdited the same between the exported model and edited weights
/// @param largestLogit of the edited model
/// @param kl of the edited output from the target's, mean over the positions compared, nats
public record EditReceipt(
        int sequences,
        double positions,
        double maskedToEdited,
        double exportedToEdited,
        double largestLogit,
        double kl) {

    /// What a logit of the exported edit may differ from the edit's in memory by, as a share of the
    /// largest logit where that is above 1.
    public static final double TOLERANCE = 1e-5;

    private static final int SLICE_ROWS = 16;

    /// Compares an exported edit.
    ///
    /// @param edit what was changed
    /// @param exported the edited model as read back
    /// @param task the evaluation stream
    /// @param sequences how many of it
    public static EditReceipt of(
            Decomposition decomposition,
            WeightEdit.Edit edit,
            Target exported,
            Task task,
            int sequences) {
        return Scopes.run(() -> {
            SortedMap<String, Tensor> weights =
                    Scopes.withoutGradient(() -> WeightEdit.sites(decomposition, edit));
            Change edited = new Change.Edited(weights);
            double[] sums = new double[2];
            double[] largest = new double[3];
            new Evaluation(decomposition.target(), task, sequences, SLICE_ROWS)
                    .forEach(slice -> {
                        Pass pass = new Pass(decomposition, slice.batch(), slice.clean());
                        Tensor changed = pass.outputs(edited);
                        Tensor beside = beside(pass, edit);
                        Tensor read = exported.forward(slice.batch(), Map.of(), null).outputs();
                        List<Tensor> sizes =
                                List.of(beside.sub(changed), read.sub(changed), changed);
                        for (int i = 0; i < largest.length; i++) {
                            largest[i] =
                                    Math.max(largest[i], Tensors.number(sizes.get(i).abs().max()));
                        }
                        sums[0] += Tensors.number(slice.divergence().sum(changed));
                        sums[1] += slice.batch().losses().count();
                    });
            return new EditReceipt(
                    sequences, sums[1], largest[0], largest[1], largest[2], sums[0] / sums[1]);
        });
    }

    /// The outputs with the weights as they are and what an edit adds beside them: masks where it
    /// only scales.
    private static Tensor beside(Pass pass, WeightEdit.Edit edit) {
        if (edit.written().isEmpty()) {
            return pass.outputs(new Change.Masked(edit.scales(), Change.At.EVERYWHERE, 0));
        }
        Decomposition decomposition = pass.decomposition();
        Target target = decomposition.target();
        Map<String, Replacement> replaced = new HashMap<>();
        WeightEdit.added(decomposition, edit)
                .forEach((name, added) -> {
                    Tensor V = decomposition.subcomponents(decomposition.site(name)).V();
                    replaced.put(
                            name,
                            (input, weight, _) ->
                                    target.products()
                                            .map(input, weight)
                                            .add(input.matmul(V).matmul(added)));
                });
        return target.forward(pass.batch(), replaced, pass.clean()).outputs();
    }

    /// Whether the exported model is the edit, but for rounding.
    public boolean holds() {
        return exportedToEdited <= TOLERANCE * Math.max(1, largestLogit);
    }
}
