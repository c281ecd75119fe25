package cleave.bench;

import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.ImportanceFunction;
import cleave.importance.ImportanceFunction.Mlp;
import cleave.importance.ImportanceFunction.Sequence;
import cleave.importance.ImportanceFunction.SharedMlp;
import cleave.importance.ImportanceFunction.VectorMlp;
import cleave.loss.LossTerm;
import cleave.loss.LossTerm.ImportanceMinimality;
import cleave.loss.LossTerm.Reconstruction;
import cleave.loss.LossTerm.UnusedEffect;
import cleave.loss.LossTerm.Usage;
import cleave.loss.LossTerm.UsedAlone;
import cleave.mask.MaskSource;
import cleave.mask.Routing;
import cleave.mask.Routing.Drawn;
import cleave.mask.WeightDelta;
import cleave.run.ModelSpec;
import cleave.run.RunFile;
import cleave.run.RunFile.StreamFile;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.IntStream;

/// The operations that one training step needs in products of matrices, counted from shapes.
///
/// A product `[m, k] x [k, n]` takes `2 m k n` operations, once forwards and once more for each
/// factor that a gradient is wanted of: V, U, the gates' matrices, and what depends on them. Each
/// pass counts from the block of its first replaced site, at the positions it needs, with the
/// replaced sites alone through V and U; nothing is counted twice because it is computed twice.
/// Elementwise work is not counted, and the output layer of one MLP per subcomponent, a sum of
/// `hidden` products for each number, is taken as such.
final class MatmulCount {
    /// Routings by chance are averaged over all their subsets up to this many sites.
    private static final int ENUMERABLE_SITES = 16;

    private final ModelSpec.InductionTransformer model;
    private final List<DecomposedSite> sites;
    private final ImportanceFunction function;

    private MatmulCount(
            ModelSpec.InductionTransformer model,
            List<DecomposedSite> sites,
            ImportanceFunction function) {
        this.model = model;
        this.sites = sites;
        this.function = function;
    }

    /// Operations of a step; empty for what is not counted: subsets drawn from many sites, and
    /// targets other than the induction transformer.
    static OptionalDouble of(RunFile file, ModelSpec spec, List<DecomposedSite> sites) {
        return switch (spec) {
            case ModelSpec.InductionTransformer induction ->
                    new MatmulCount(induction, sites, file.importance()).step(file.streams());
            case ModelSpec.Tms _, ModelSpec.ResidualMlp _, ModelSpec.Gpt2 _ ->
                    OptionalDouble.empty();
        };
    }

    private OptionalDouble step(List<StreamFile> streams) {
        // V U of every site, for faithfulness and for the weight delta.
        double sum =
                sites.stream()
                        .mapToDouble(site ->
                                product(
                                        site.site().dIn(),
                                        site.count(),
                                        site.site().dOut(),
                                        true,
                                        true))
                        .sum();
        for (StreamFile stream : streams) {
            double rows = stream.batch();
            sum += clean(rows, stream.length());
            for (DecomposedSite site : sites) {
                sum += gates(site, rows, stream.length());
            }
            for (LossTerm term : stream.losses()) {
                OptionalDouble passes =
                        switch (term) {
                            case Reconstruction some -> passes(some, stream);
                            case ImportanceMinimality _, Usage _ -> OptionalDouble.of(0);
                            case UnusedEffect _ -> OptionalDouble.of(unusedEffect(stream));
                            case UsedAlone _ -> OptionalDouble.of(usedAlone(stream));
                        };
                if (passes.isEmpty()) {
                    return OptionalDouble.empty();
                }
                sum += passes.getAsDouble();
            }
        }
        return OptionalDouble.of(sum);
    }

    /// `[m, k] x [k, n]`, with gradients of the left and of the right factor or without.
    private static double product(double m, double k, double n, boolean left, boolean right) {
        return 2 * m * k * n * (1 + (left ? 1 : 0) + (right ? 1 : 0));
    }

    /// One site's gates on `rows` sequences (spec G4, G5). Their input wants no gradient.
    private double gates(DecomposedSite site, double rows, double length) {
        double n = rows * length;
        double dIn = site.site().dIn();
        double C = site.count();
        return switch (function) {
            case Sequence sequence -> {
                double h = sequence.headWidth().map(Integer::doubleValue).orElse(dIn);
                double attention =
                        2 * product(n, dIn, h, false, true) // queries, keys
                                + product(n, dIn, h, true, true) // values, of a + P
                                + product(n, h, length, true, true) // scores
                                + product(n, length, h, true, true); // o
                double own =
                        sequence.ownActivation()
                                ? product(n, dIn, C * sequence.hidden(), false, true)
                                : 0;
                yield attention + product(n, h, C * sequence.hidden(), true, true) + own;
            }
            case VectorMlp mlp -> product(n, dIn, C * mlp.hidden(), false, true);
            case SharedMlp mlp ->
                    product(n, dIn, mlp.hidden(), false, true)
                            + product(n, mlp.hidden(), C, true, true);
            case Mlp _ -> product(n, dIn, C, false, true); // h = a V
        };
    }

    /// The target as it is, at every position.
    private double clean(double rows, double length) {
        return blocks(List.of(), 0, rows, length, length, Extra.NONE);
    }

    /// What a replaced site computes beside V and U.
    private record Extra(boolean delta, boolean ownMap) {
        static final Extra NONE = new Extra(false, false);
    }

    private OptionalDouble passes(Reconstruction term, StreamFile stream) {
        boolean delta =
                switch (stream.weightDelta()) {
                    case NONE -> false;
                    case ON -> true;
                    case STOCHASTIC -> term.masks() == MaskSource.STOCHASTIC;
                };
        Extra extra = new Extra(delta, false);
        Extra mixed = new Extra(delta, true);
        int L = sites.size();
        OptionalDouble one =
                switch (term.routing()) {
                    case Routing.All _ -> OptionalDouble.of(pass(sites, stream, extra));
                    case Routing.EachAlone _ ->
                            OptionalDouble.of(
                                    sites.stream()
                                            .mapToDouble(s -> pass(List.of(s), stream, extra))
                                            .sum());
                    case Routing.RandomSubset(Drawn drawn) ->
                            drawn == Drawn.PER_POSITION
                                    ? OptionalDouble.of(pass(sites, stream, mixed))
                                    : expected(stream, extra, k -> 1 / (L * subsets(L, k)));
                    case Routing.Bernoulli(double p, Drawn drawn) ->
                            drawn == Drawn.PER_POSITION
                                    ? OptionalDouble.of(pass(sites, stream, mixed))
                                    : expected(
                                            stream,
                                            extra,
                                            k -> Math.pow(p, k) * Math.pow(1 - p, L - k));
                };
        return one.isPresent() ? OptionalDouble.of(term.draws() * one.getAsDouble()) : one;
    }

    /// The mean over sites of the pass with the unused; the pass with none is not counted.
    private double unusedEffect(StreamFile stream) {
        Extra extra = new Extra(stream.weightDelta() == WeightDelta.ON, false);
        return sites.stream().mapToDouble(s -> pass(List.of(s), stream, extra)).average().orElse(0);
    }

    private double usedAlone(StreamFile stream) {
        return pass(sites, stream, new Extra(stream.weightDelta() == WeightDelta.ON, false));
    }

    private interface Probability {
        double of(int size);
    }

    /// The mean over all non-empty subsets, each with the probability of its size.
    private OptionalDouble expected(StreamFile stream, Extra extra, Probability probability) {
        if (sites.size() > ENUMERABLE_SITES) {
            return OptionalDouble.empty();
        }
        double sum = 0;
        for (int bits = 1; bits < 1 << sites.size(); bits++) {
            int subset = bits;
            List<DecomposedSite> replaced =
                    IntStream.range(0, sites.size())
                            .filter(site -> (subset >> site & 1) == 1)
                            .mapToObj(sites::get)
                            .toList();
            sum += probability.of(replaced.size()) * pass(replaced, stream, extra);
        }
        return OptionalDouble.of(sum);
    }

    /// How many subsets of this size `count` things have.
    private static double subsets(int count, int size) {
        double subsets = 1;
        for (int i = 1; i <= size; i++) {
            subsets = subsets * (count - size + i) / i;
        }
        return subsets;
    }

    /// A pass with these sites replaced. Outputs are wanted at the last position.
    private double pass(List<DecomposedSite> replaced, StreamFile stream, Extra extra) {
        int first = replaced.stream().mapToInt(site -> site.site().block()).min().orElse(0);
        return blocks(replaced, first, stream.batch(), stream.length(), 1, extra);
    }

    /// A site in a pass.
    ///
    /// @param replaced with its subcomponents; empty for the target's own map
    /// @param inputWanted whether its input wants a gradient
    private record Place(Optional<DecomposedSite> replaced, boolean inputWanted) {
        /// Whether its output wants a gradient.
        boolean wanted() {
            return replaced.isPresent() || inputWanted;
        }
    }

    private static Place place(List<DecomposedSite> replaced, String name, boolean inputWanted) {
        return new Place(
                replaced.stream().filter(site -> site.name().equals(name)).findFirst(),
                inputWanted);
    }

    /// A site's map of `n` positions.
    private double map(Place place, double n, Extra extra) {
        double d = model.width();
        double own = product(n, d, d, place.inputWanted(), false);
        if (place.replaced().isEmpty()) {
            return own;
        }
        double C = place.replaced().get().count();
        return product(n, d, C, place.inputWanted(), true) // V
                + product(n, C, d, true, true) // U
                + (extra.delta() ? product(n, d, d, place.inputWanted(), true) : 0)
                + (extra.ownMap() ? own : 0);
    }

    /// Blocks from `first` on, then the unembedding.
    ///
    /// @param queries how many queries of each sequence the last block computes
    private double blocks(
            List<DecomposedSite> replaced,
            int first,
            double rows,
            double length,
            double queries,
            Extra extra) {
        double d = model.width();
        double sum = 0;
        boolean residual = false; // wants a gradient
        for (int layer = first; layer < model.layers(); layer++) {
            double asked = rows * (layer == model.layers() - 1 ? queries : length);
            double all = rows * length;
            Place q = place(replaced, "Q" + layer, residual);
            Place k = place(replaced, "K" + layer, residual);
            Place v = place(replaced, "V" + layer, residual);
            boolean scores = q.wanted() || k.wanted();
            sum += map(q, asked, extra) + map(k, all, extra) + map(v, all, extra);
            sum += product(asked, d, length, q.wanted(), k.wanted());
            sum += product(asked, length, d, scores, v.wanted());
            boolean mixed = scores || v.wanted();
            if (model.outputProjection()) {
                Place o = place(replaced, "O" + layer, mixed);
                sum += map(o, asked, extra);
                mixed = o.wanted();
            }
            residual |= mixed;
        }
        return sum + product(rows, d, model.vocabulary() + 2, residual, false);
    }
}
