package cleave.bench;

import cleave.data.TextData;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.GlobalMlp;
import cleave.importance.ImportanceFunction;
import cleave.importance.Mlp;
import cleave.importance.Sequence;
import cleave.importance.SharedMlp;
import cleave.importance.VectorMlp;
import cleave.loss.ImportanceMinimality;
import cleave.loss.LossTerm;
import cleave.loss.Reconstruction;
import cleave.loss.UnusedEffect;
import cleave.loss.Usage;
import cleave.loss.UsedAlone;
import cleave.mask.Masking;
import cleave.mask.Routing;
import cleave.mask.Routing.Drawn;
import cleave.mask.WeightDelta;
import cleave.model.ModelSpec;
import cleave.model.TextTask.LossesAt;
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

    private final Blocks target;
    private final List<DecomposedSite> sites;
    private final ImportanceFunction function;

    private MatmulCount(Blocks target, List<DecomposedSite> sites, ImportanceFunction function) {
        this.target = target;
        this.sites = sites;
        this.function = function;
    }

    /// Operations of a step; empty for what is not counted: subsets drawn from many sites, answers
    /// of text, which are of any number of tokens, targets other than transformers, and importance
    /// functions of a user's own.
    static OptionalDouble of(RunFile file, ModelSpec spec, List<DecomposedSite> sites) {
        Blocks target =
                switch (spec) {
                    case ModelSpec.InductionTransformer induction -> new InductionBlocks(induction);
                    case ModelSpec.Gpt2 gpt2 -> new Gpt2Blocks(gpt2);
                    default -> null;
                };
        return target == null
                ? OptionalDouble.empty()
                : new MatmulCount(target, sites, file.importance()).step(file.streams());
    }

    /// The blocks of a target and its unembedding.
    private interface Blocks {

        /// Operations of the blocks from `first` on, then of the unembedding.
        ///
        /// @param replaced with their subcomponents
        /// @param queries how many queries of each sequence the last block computes
        /// @param outputs how many positions of each sequence are unembedded
        double count(
                List<DecomposedSite> replaced,
                int first,
                double rows,
                double length,
                double queries,
                double outputs,
                Extra extra);

        /// At how many positions of each sequence outputs are wanted; empty where that differs.
        OptionalDouble outputs(StreamFile stream);
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
            if (target.outputs(stream).isEmpty()) {
                return OptionalDouble.empty();
            }
            sum += clean(stream);
            OptionalDouble gates = gates(rows, stream.length());
            if (gates.isEmpty()) {
                return OptionalDouble.empty();
            }
            sum += gates.getAsDouble();
            for (LossTerm term : stream.losses()) {
                OptionalDouble passes =
                        switch (term) {
                            case Reconstruction some -> passes(some, stream);
                            case ImportanceMinimality _, Usage _ -> OptionalDouble.of(0);
                            case UnusedEffect _ -> OptionalDouble.of(unusedEffect(stream));
                            case UsedAlone _ -> OptionalDouble.of(usedAlone(stream));
                            default -> OptionalDouble.empty(); // a term of a user's own
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

    /// The gates of all sites on `rows` sequences; empty for functions that are not Cleave's own.
    private OptionalDouble gates(double rows, double length) {
        double sum = 0;
        if (function instanceof GlobalMlp global) {
            double n = rows * length;
            double width = sites.stream().mapToLong(s -> s.site().dIn()).sum();
            boolean wanted = false; // the input wants no gradient
            for (int next : global.hidden()) {
                sum += product(n, width, next, wanted, true);
                width = next;
                wanted = true;
            }
            for (DecomposedSite site : sites) {
                sum += product(n, width, site.count(), true, true);
            }
            return OptionalDouble.of(sum);
        }
        for (DecomposedSite site : sites) {
            double one = gates(site, rows, length);
            if (Double.isNaN(one)) {
                return OptionalDouble.empty();
            }
            sum += one;
        }
        return OptionalDouble.of(sum);
    }

    /// One site's gates on `rows` sequences (spec G4, G5); not a number for functions that are not
    /// Cleave's own. Their input wants no gradient.
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
            default -> Double.NaN;
        };
    }

    /// The target as it is, at every position.
    private double clean(StreamFile stream) {
        double length = stream.length();
        double outputs = target.outputs(stream).orElseThrow();
        return target.count(List.of(), 0, stream.batch(), length, length, outputs, Extra.NONE);
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
                    case STOCHASTIC -> term.masks() instanceof Masking.Stochastic;
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

    /// A pass with these sites replaced.
    private double pass(List<DecomposedSite> replaced, StreamFile stream, Extra extra) {
        int first = replaced.stream().mapToInt(site -> site.site().block()).min().orElse(0);
        double outputs = target.outputs(stream).orElseThrow();
        return target.count(
                replaced, first, stream.batch(), stream.length(), outputs, outputs, extra);
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

    /// A site's map `[n, dIn]` to `[n, dOut]`.
    private static double map(Place place, double n, double dIn, double dOut, Extra extra) {
        double own = product(n, dIn, dOut, place.inputWanted(), false);
        if (place.replaced().isEmpty()) {
            return own;
        }
        double C = place.replaced().get().count();
        return product(n, dIn, C, place.inputWanted(), true) // V
                + product(n, C, dOut, true, true) // U
                + (extra.delta() ? product(n, dIn, dOut, place.inputWanted(), true) : 0)
                + (extra.ownMap() ? own : 0);
    }

    /// Those of the induction transformer, whose outputs are wanted at the last position.
    private record InductionBlocks(ModelSpec.InductionTransformer model) implements Blocks {

        @Override
        public OptionalDouble outputs(StreamFile stream) {
            return OptionalDouble.of(1);
        }

        @Override
        public double count(
                List<DecomposedSite> replaced,
                int first,
                double rows,
                double length,
                double queries,
                double outputs,
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
                sum += map(q, asked, d, d, extra);
                sum += map(k, all, d, d, extra) + map(v, all, d, d, extra);
                sum += product(asked, d, length, q.wanted(), k.wanted());
                sum += product(asked, length, d, scores, v.wanted());
                boolean mixed = scores || v.wanted();
                if (model.outputProjection()) {
                    Place o = place(replaced, "O" + layer, mixed);
                    sum += map(o, asked, d, d, extra);
                    mixed = o.wanted();
                }
                residual |= mixed;
            }
            return sum + product(rows * outputs, d, model.vocabulary() + 2, residual, false);
        }
    }

    /// Those of a GPT-2. Its heads together take what one of the whole width takes.
    private record Gpt2Blocks(ModelSpec.Gpt2 model) implements Blocks {

        @Override
        public OptionalDouble outputs(StreamFile stream) {
            LossesAt losses = stream.data().map(TextData::losses).orElse(LossesAt.ALL);
            return switch (losses) {
                case LAST -> OptionalDouble.of(1);
                case ALL -> OptionalDouble.of(stream.length());
                case ANSWER -> OptionalDouble.empty();
            };
        }

        @Override
        public double count(
                List<DecomposedSite> replaced,
                int first,
                double rows,
                double length,
                double queries,
                double outputs,
                Extra extra) {
            double d = model.width();
            double sum = 0;
            boolean residual = false; // wants a gradient
            for (int layer = first; layer < model.layers(); layer++) {
                String block = "h.%d.".formatted(layer);
                double asked = rows * (layer == model.layers() - 1 ? queries : length);
                double all = rows * length;
                Place whole = place(replaced, block + "attn.c_attn", residual);
                Place q = place(replaced, block + "attn.c_attn.q", whole.wanted());
                Place k = place(replaced, block + "attn.c_attn.k", whole.wanted());
                Place v = place(replaced, block + "attn.c_attn.v", whole.wanted());
                sum +=
                        whole.replaced().isPresent()
                                ? map(whole, all, d, 3 * d, extra) // queries too
                                : map(q, asked, d, d, extra)
                                        + map(k, all, d, d, extra)
                                        + map(v, all, d, d, extra);
                boolean scores = q.wanted() || k.wanted();
                sum += product(asked, d, length, q.wanted(), k.wanted());
                sum += product(asked, length, d, scores, v.wanted());
                Place output = place(replaced, block + "attn.c_proj", scores || v.wanted());
                Place up = place(replaced, block + "mlp.c_fc", residual || output.wanted());
                Place down = place(replaced, block + "mlp.c_proj", up.wanted());
                sum += map(output, asked, d, d, extra);
                sum += map(up, asked, d, model.neurons(), extra);
                sum += map(down, asked, model.neurons(), d, extra);
                residual |= output.wanted() || down.wanted();
            }
            return sum + product(rows * outputs, d, model.vocabulary(), residual, false);
        }
    }
}
