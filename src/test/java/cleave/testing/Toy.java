package cleave.testing;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.decomposition.Parameters;
import cleave.importance.ImportanceFunction;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.importance.Sequence;
import cleave.model.Batch;
import cleave.model.Clean;
import cleave.model.InductionTransformer;
import cleave.model.InductionTransformer.Added;
import cleave.model.InductionTransformer.Code;
import cleave.model.InductionTransformer.Shape;
import cleave.model.Target;
import cleave.subcomponent.Subcomponents.Start;
import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensor;
import cleave.tensor.Tensors;
import cleave.tensor.Type;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/// Small transformers and decompositions of them, for tests.
public final class Toy {
    /// Longest sequence of a toy target.
    public static final int LENGTH = 6;

    /// Tokens of a toy target, BOS and s included.
    public static final int TOKENS = 7;

    /// The function of the paper at toy size.
    public static final ImportanceFunction SEQUENCE =
            new Sequence(3, Optional.empty(), true, LENGTH, true);

    private Toy() {}

    /// The weights of a two-layer transformer of width 4.
    public static Shape shape(Code code, Added added) {
        return new Shape(TOKENS - 2, LENGTH, 4, 2, code, added, true);
    }

    /// Weights of a shape, large enough for attention to attend.
    public static SortedMap<String, Tensor> weights(Shape shape, Type type) {
        SortedMap<String, Tensor> weights = new TreeMap<>();
        shape.initial(1)
                .forEach((name, weight) -> {
                    double scale = name.startsWith("blocks") ? 2 : 1;
                    weights.put(name, weight.to(type).mul(scale));
                });
        return weights;
    }

    /// A target of fixed positions after the projections.
    public static InductionTransformer target(Type type) {
        return target(shape(Code.FIXED, Added.AFTER), type);
    }

    /// A target of this shape.
    public static InductionTransformer target(Shape shape, Type type) {
        return new InductionTransformer(shape, weights(shape, type), () -> {});
    }

    /// The sites of these names with C subcomponents each.
    public static List<DecomposedSite> sites(Target target, int C, String... names) {
        List<DecomposedSite> sites = new ArrayList<>();
        for (String name : names) {
            sites.add(new DecomposedSite(target.site(name), C));
        }
        return sites;
    }

    /// Every site with C subcomponents each.
    public static List<DecomposedSite> sites(Target target, int C) {
        return target.sites().stream().map(site -> new DecomposedSite(site, C)).toList();
    }

    /// A decomposition of these sites with no parameter at zero, so that every path of a gradient
    /// carries something.
    public static Problem problem(
            Target target,
            List<DecomposedSite> sites,
            ImportanceFunction function,
            Leak leak,
            long seed) {
        Parameters parameters =
                Decomposition.initial(target, sites, function, Start.KAIMING, seed, target::weight);
        parameters
                .views()
                .forEach((name, tensor) -> {
                    Draws.Key key = Draws.key(seed, Purpose.INITIALISATION).with("toy").with(name);
                    Tensor noise = key.normal(0.3, target.type(), tensor.shape());
                    double shift = name.endsWith("output_bias") ? 0.4 : 0;
                    tensor.add_(noise).add_(shift);
                });
        return new Problem(
                new Decomposition(target, sites, function, leak, parameters.views()), parameters);
    }

    /// The smallest distance of a pre-activation at a valid position to a kink of the sigmoids.
    public static double distanceToKinks(Decomposition decomposition, Batch batch) {
        return Scopes.run(() -> {
            Clean clean = decomposition.target().clean(batch);
            double distance = Double.POSITIVE_INFINITY;
            for (Tensor x : decomposition.gates(clean, batch.valid()).preactivations()) {
                Tensor gap = x.abs().minimum(x.sub(1).abs()); // [B, T, C]
                Tensor valid = batch.valid();
                if (valid != null) {
                    gap =
                            gap.masked_fill(
                                    valid.logical_not().unsqueeze(2), Double.POSITIVE_INFINITY);
                }
                distance = Math.min(distance, Tensors.number(gap.min()));
            }
            return distance;
        });
    }
}
