package cleave.hub;

import cleave.config.UserError;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.nio.file.Path;
import java.util.Arrays;

/// The check that weights are numbers: one that is none, or infinite, makes every result of a model
/// none, without a word.
final class FiniteWeights {
    private FiniteWeights() {}

    /// Refuses a tensor that holds one.
    ///
    /// @param name of the tensor in its file
    /// @throws UserError naming the tensor, the first such number and its place
    static Tensor require(String name, Tensor tensor, Path file) {
        if (tensor.numel() == 0 || !isFloating(tensor.type())) {
            return tensor;
        }
        // A sum is one pass without memory of its own, and finite only where every number is. It
        // can
        // also overflow, so that the numbers themselves decide.
        boolean finite = Scopes.run(() -> Double.isFinite(Tensors.number(tensor.sum())));
        if (!finite) {
            Scopes.run(() -> {
                Tensor wrong = tensor.isfinite().logical_not().flatten();
                if (wrong.any().item_bool()) {
                    long at = wrong.to(Type.BYTE).argmax().item_long();
                    throw new UserError(
                            "weight %s must hold finite numbers, got %s at element %d of %s (%s)"
                                    .formatted(
                                            name,
                                            Tensors.number(tensor.flatten().select(0, at)),
                                            at,
                                            Arrays.toString(tensor.shape()),
                                            file));
                }
            });
        }
        return tensor;
    }

    private static boolean isFloating(Type type) {
        return switch (type) {
            case FLOAT, DOUBLE, HALF, BFLOAT16 -> true;
            case LONG, BOOL, BYTE, INT -> false;
        };
    }
}
