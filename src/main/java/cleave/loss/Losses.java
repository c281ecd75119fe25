package cleave.loss;

import cleave.decomposition.Decomposition;
import cleave.subcomponent.Subcomponents;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;

/// The term without data.
public final class Losses {
    private Losses() {}

    /// Faithfulness of all decomposed sites (spec L3), a scalar.
    public static Tensor faithfulness(Decomposition decomposition, boolean relative) {
        return Scopes.keep(() -> {
            Tensor sum = null;
            double count = 0;
            for (Decomposition.DecomposedSite site : decomposition.sites()) {
                Subcomponents subcomponents = decomposition.subcomponents(site);
                Tensor delta = subcomponents.delta();
                Tensor square = delta.mul(delta).sum();
                if (relative) {
                    Tensor W = subcomponents.W();
                    square = square.div(W.mul(W).sum());
                }
                sum = sum == null ? square : sum.add(square);
                count += relative ? 1 : delta.numel();
            }
            if (sum == null) {
                throw new IllegalArgumentException("at least one site must be decomposed");
            }
            return sum.div(count);
        });
    }
}
