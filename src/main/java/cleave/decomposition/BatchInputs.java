package cleave.decomposition;

import cleave.model.Batch;
import cleave.model.Site;
import cleave.model.Target;
import cleave.model.Task;
import cleave.tensor.Draws;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The inputs of every site in the clean forward at the valid positions of a stream's first batch:
/// where subcomponents may start (spec S3), and what gates may be scaled by (G5).
///
/// One pass serves all sites, so that a model of hundreds of matrices is not run hundreds of times.
public final class BatchInputs implements Function<Site, Tensor> {
    /// How many positions are taken at most.
    public static final int COUNT = 128;

    private final Target target;
    private final Task examples;
    private final long seed;
    private final int rows;
    private @Nullable Map<String, double[]> read; // [N, d_in] by site, once it is asked for

    /// Inputs that are read when the first of them is asked for.
    ///
    /// @param target the network
    /// @param examples the stream
    /// @param seed of its examples
    /// @param rows sequences of the batch
    public BatchInputs(Target target, Task examples, long seed, int rows) {
        this.target = target;
        this.examples = examples;
        this.seed = seed;
        this.rows = rows;
    }

    /// At most the first [#COUNT] inputs `[N, d_in]` of a site, in double precision; of one that
    /// reads tokens their numbers, `[N, 1]`.
    @Override
    public Tensor apply(Site site) {
        Map<String, double[]> all = read;
        if (all == null) {
            all = Scopes.run(() -> Scopes.withoutGradient(this::read));
            read = all;
        }
        double[] numbers = Objects.requireNonNull(all.get(site.name()), site.name());
        if (site.readsTokens()) {
            long[] tokens = Arrays.stream(numbers).mapToLong(Math::round).toArray();
            return Tensors.of(tokens, tokens.length, 1);
        }
        return Tensors.of(numbers, Type.DOUBLE, numbers.length / site.dIn(), site.dIn());
    }

    private Map<String, double[]> read() {
        Batch batch = examples.examples(seed, Draws.Purpose.DATA, 0, rows).batch();
        Tensor valid = batch.valid();
        Map<String, double[]> all = new HashMap<>();
        target.clean(batch)
                .inputs()
                .forEach((site, inputs) ->
                        all.put(
                                site,
                                Objects.requireNonNull(
                                        Scopes.run(() -> {
                                            Tensor flat = inputs.flatten(0, 1);
                                            Tensor kept =
                                                    valid == null
                                                            ? flat
                                                            : flat.index_select(
                                                                    0,
                                                                    valid.flatten()
                                                                            .nonzero()
                                                                            .flatten());
                                            long count = Math.min(COUNT, kept.size(0));
                                            return Tensors.toDoubles(kept.narrow(0, 0, count));
                                        }))));
        return all;
    }
}
