package cleave.analysis;

import cleave.decomposition.Decomposition;
import cleave.model.Target;
import cleave.model.Task;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;

/// How far an exported edit of the weights is from the masks that it stands for, from the edit in
/// memory and from the target, over the first sequences of the evaluation stream.
///
/// @param sequences how many
/// @param positions compared
/// @param maskedToEdited largest difference of a logit between masks and edited weights
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
    /// @param scales of the changed subcomponents
    /// @param exported the edited model as read back
    /// @param task the evaluation stream
    /// @param sequences how many of it
    public static EditReceipt of(
            Decomposition decomposition,
            SortedMap<SubcomponentId, Double> scales,
            Target exported,
            Task task,
            int sequences) {
        return Scopes.run(() -> {
            SortedMap<String, Tensor> weights =
                    Scopes.withoutGradient(() -> WeightEdit.sites(decomposition, scales));
            Change edit = new Change.Edited(weights);
            Change masks = new Change.Masked(scales, Change.At.EVERYWHERE, 0);
            double[] sums = new double[2];
            double[] largest = new double[3];
            new Evaluation(decomposition.target(), task, sequences, SLICE_ROWS)
                    .forEach(slice -> {
                        Pass pass = new Pass(decomposition, slice.batch(), slice.clean());
                        Tensor edited = pass.outputs(edit);
                        Tensor masked = pass.outputs(masks);
                        Tensor read = exported.forward(slice.batch(), Map.of(), null).outputs();
                        List<Tensor> sizes = List.of(masked.sub(edited), read.sub(edited), edited);
                        for (int i = 0; i < largest.length; i++) {
                            largest[i] =
                                    Math.max(largest[i], Tensors.number(sizes.get(i).abs().max()));
                        }
                        sums[0] += Tensors.number(slice.divergence().sum(edited));
                        sums[1] += slice.batch().losses().count();
                    });
            return new EditReceipt(
                    sequences, sums[1], largest[0], largest[1], largest[2], sums[0] / sums[1]);
        });
    }

    /// Whether the exported model is the edit, but for rounding.
    public boolean holds() {
        return exportedToEdited <= TOLERANCE * Math.max(1, largestLogit);
    }
}
