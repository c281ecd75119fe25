package cleave.decomposition;

import cleave.model.Batch;
import cleave.model.Site;
import cleave.model.Target;
import cleave.model.Task;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/// The inputs of a site in the clean forward, at the valid positions of the first training examples
/// of a stream: what subcomponents may start at (spec S3).
///
/// @param target the network
/// @param examples the stream
/// @param seed of its examples
public record SiteInputs(Target target, Task examples, long seed)
        implements Function<Site, Tensor> {
    /// How many inputs are taken.
    public static final int COUNT = 4096;

    /// Sequences in one pass.
    private static final int ROWS = 32;

    /// The first [#COUNT] inputs `[COUNT, d_in]`. A pass for each site: kept for all sites at once
    /// they would be larger than a step of training.
    @Override
    public Tensor apply(Site site) {
        return Scopes.keep(() -> {
            List<Tensor> found = new ArrayList<>();
            long count = 0;
            for (long first = 0; count < COUNT; first += ROWS) {
                Batch batch = examples.examples(seed, Draws.Purpose.DATA, first, ROWS).batch();
                found.add(Scopes.keep(() -> valid(site, batch)));
                count += found.getLast().size(0);
            }
            return Tensors.concatenate(0, found.toArray(Tensor[]::new)).narrow(0, 0, COUNT).clone();
        });
    }

    private Tensor valid(Site site, Batch batch) {
        Tensor inputs = Tensors.named(site.name(), target.clean(batch).inputs()).flatten(0, 1);
        Tensor valid = batch.valid();
        return valid == null
                ? inputs.clone()
                : inputs.index_select(0, valid.flatten().nonzero().flatten());
    }
}
