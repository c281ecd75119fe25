package cleave.training;

import cleave.decomposition.Decomposition;
import cleave.decomposition.Decomposition.DecomposedSite;
import cleave.importance.LeakyHardSigmoid.Leak;
import cleave.loss.Faithfulness;
import cleave.loss.LossTerm;
import cleave.loss.LossTerm.ImportanceMinimality;
import cleave.loss.LossTerm.PositionReduction;
import cleave.loss.LossTerm.Reconstruction;
import cleave.loss.LossTerm.UnusedEffect;
import cleave.loss.LossTerm.Usage;
import cleave.mask.MaskDraws;
import cleave.mask.MaskSource;
import cleave.mask.Routing;
import cleave.mask.Routing.Drawn;
import cleave.mask.WeightDelta;
import cleave.subcomponent.Subcomponents;
import cleave.target.Batch;
import cleave.target.Clean;
import cleave.target.Positions;
import cleave.target.Replacement;
import cleave.target.Target.Outputs;
import cleave.tensor.Draws;
import cleave.tensor.Draws.Purpose;
import cleave.tensor.Scopes;
import cleave.tensor.Tensors;
import cleave.testing.Problem;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// A training step as the specification says it and nothing else: one graph over a stream's whole
/// batch, every site replaced in every forward pass, no slices, no threads, nothing kept from the
/// clean pass but its outputs and the inputs of gates.
final class PlainStep {
    /// What a step gives.
    record Result(double total, SortedMap<String, double[]> gradients) {}

    private final Decomposition decomposition;
    private final List<Stream> streams;
    private final Faithfulness faithfulness;
    private final long seed;
    private final long step;
    private final long steps;

    private PlainStep(
            Decomposition decomposition,
            List<Stream> streams,
            Faithfulness faithfulness,
            long seed,
            long step,
            long steps) {
        this.decomposition = decomposition;
        this.streams = streams;
        this.faithfulness = faithfulness;
        this.seed = seed;
        this.step = step;
        this.steps = steps;
    }

    /// Losses and gradients of one step.
    static Result run(
            Problem problem,
            List<Stream> streams,
            Faithfulness faithfulness,
            long seed,
            long step,
            long steps) {
        return Scopes.run(() -> {
            SortedMap<String, Tensor> leaves = new TreeMap<>();
            problem.parameters()
                    .views()
                    .forEach((name, view) -> {
                        Tensor leaf = view.detach().clone();
                        leaf.requires_grad_(true);
                        leaves.put(name, leaf);
                    });
            Decomposition on = problem.decomposition().on(leaves);
            double total = new PlainStep(on, streams, faithfulness, seed, step, steps).gradients();
            SortedMap<String, double[]> gradients = new TreeMap<>();
            leaves.forEach((name, leaf) -> gradients.put(name, Tensors.toDoubles(leaf.grad())));
            return new Result(total, gradients);
        });
    }

    private double gradients() {
        Tensor total = faithfulness().mul(new Scalar(faithfulness.coefficient().at(step, steps)));
        List<OnStream> each = streams.stream().map(OnStream::new).toList();
        for (OnStream stream : each) {
            total = total.add(stream.total());
        }
        total.backward();
        if (decomposition.leak() == Leak.SIGN_GATED) {
            each.forEach(OnStream::backwardThroughSignGate);
        }
        return Tensors.number(total);
    }

    // L3
    private Tensor faithfulness() {
        Tensor sum = Tensors.zeros(decomposition.target().type());
        double count = 0;
        for (DecomposedSite site : decomposition.sites()) {
            Subcomponents parts = decomposition.subcomponents(site);
            Tensor square = delta(parts).pow(new Scalar(2)).sum();
            sum =
                    sum.add(
                            faithfulness.relative()
                                    ? square.div(parts.W().pow(new Scalar(2)).sum())
                                    : square);
            count += faithfulness.relative() ? 1 : parts.W().numel();
        }
        return sum.div(new Scalar(count));
    }

    private static Tensor delta(Subcomponents parts) {
        return parts.W().sub(parts.V().matmul(parts.U()).transpose(0, 1));
    }

    /// One stream's batch under the current parameters.
    private final class OnStream {
        private final Stream stream;
        private final Batch batch;
        private final Clean clean;
        private final Tensor valid; // [B, T]
        private final List<Tensor> lower = new ArrayList<>(); // [B, T, C]
        private final List<Tensor> upper = new ArrayList<>(); // [B, T, C]

        OnStream(Stream stream) {
            this.stream = stream;
            batch =
                    stream.task()
                            .examples(seed, Purpose.DATA, step * stream.batch(), stream.batch())
                            .batch();
            clean = Scopes.withoutGradient(() -> decomposition.target().clean(batch));
            Tensor flags = batch.valid();
            valid = flags == null ? torch.ones_like(batch.inputs()).gt(new Scalar(0)) : flags;
            for (Tensor x : preactivations()) {
                lower.add(lower(x));
                upper.add(upper(x));
            }
        }

        private List<Tensor> preactivations() {
            return decomposition.preactivations(clean, batch.valid());
        }

        // G3; the sign-gated one is cut from the graph here and continued afterwards.
        private Tensor lower(Tensor x) {
            return switch (decomposition.leak()) {
                case PLAIN ->
                        torch.where(
                                x.gt(new Scalar(1)),
                                torch.ones_like(x),
                                torch.where(x.le(new Scalar(0)), x.mul(new Scalar(0.01)), x));
                case SIGN_GATED -> {
                    Tensor cut = x.detach().clamp_min(new Scalar(0)).clamp_max(new Scalar(1));
                    cut.requires_grad_(true);
                    yield cut;
                }
            };
        }

        // G2
        private Tensor upper(Tensor x) {
            Tensor above = x.mul(new Scalar(0.01)).add(new Scalar(0.99));
            return torch.where(
                    x.lt(new Scalar(0)),
                    torch.zeros_like(x),
                    torch.where(x.gt(new Scalar(1)), above, x));
        }

        /// G3, with the gradient G of the whole total that has arrived at the lower importances.
        void backwardThroughSignGate() {
            List<Tensor> again = preactivations();
            Tensor sum = Tensors.zeros(decomposition.target().type());
            for (int site = 0; site < again.size(); site++) {
                Tensor x = again.get(site);
                Tensor G = lower.get(site).grad();
                Tensor zero = torch.zeros_like(G);
                Tensor leaked = torch.where(G.lt(new Scalar(0)), G.mul(new Scalar(0.01)), zero);
                Tensor passed =
                        torch.where(
                                x.le(new Scalar(0)),
                                leaked,
                                torch.where(x.le(new Scalar(1)), G, zero));
                sum = sum.add(x.mul(passed.detach()).sum());
            }
            sum.backward();
        }

        // L7
        Tensor total() {
            Tensor total = Tensors.zeros(decomposition.target().type());
            for (int index = 0; index < stream.losses().size(); index++) {
                LossTerm term = stream.losses().get(index);
                Tensor loss =
                        switch (term) {
                            case Reconstruction reconstruction ->
                                    reconstruction(reconstruction, termsBefore() + index);
                            case ImportanceMinimality minimality -> minimality(minimality);
                            case Usage usage -> usage(usage);
                            case UnusedEffect _ -> unusedEffect();
                        };
                total = total.add(loss.mul(new Scalar(term.coefficient().at(step, steps))));
            }
            return total;
        }

        // R5: terms count through all streams
        private int termsBefore() {
            return streams.subList(0, streams.indexOf(stream)).stream()
                    .mapToInt(other -> other.losses().size())
                    .sum();
        }

        // L2
        private Tensor reconstruction(Reconstruction term, int index) {
            Tensor sum = Tensors.zeros(decomposition.target().type());
            for (int draw = 0; draw < term.draws(); draw++) {
                List<Tensor> tables = routings(term.routing(), index, draw); // each [L, B, T]
                for (Tensor table : tables) {
                    Tensor outputs =
                            forward(term.masks(), table, new MaskDraws(seed, step, index, draw));
                    sum = sum.add(divergence(outputs).div(new Scalar(tables.size())));
                }
            }
            return sum.div(new Scalar(term.draws()));
        }

        // M3
        private List<Tensor> routings(Routing routing, int term, int draw) {
            int L = decomposition.sites().size();
            return switch (routing) {
                case Routing.All _ -> List.of(table((_, _, _) -> true));
                case Routing.EachAlone _ -> {
                    List<Tensor> tables = new ArrayList<>();
                    for (int alone = 0; alone < L; alone++) {
                        int only = alone;
                        tables.add(table((site, _, _) -> site == only));
                    }
                    yield tables;
                }
                case Routing.RandomSubset(Drawn drawn) ->
                        List.of(
                                table((site, row, t) -> {
                                    float[] u = uniforms(drawn, row, t, L + 1, term, draw);
                                    int k = 1 + (int) (u[0] * (double) L);
                                    int smaller = 0;
                                    for (int other = 0; other < L; other++) {
                                        smaller += u[1 + other] < u[1 + site] ? 1 : 0;
                                    }
                                    return smaller < k;
                                }));
                case Routing.Bernoulli(double probability, Drawn drawn) ->
                        List.of(
                                table((site, row, t) ->
                                        uniforms(drawn, row, t, L, term, draw)[site]
                                                < probability));
            };
        }

        private float[] uniforms(Drawn drawn, int row, int t, int count, int term, int draw) {
            boolean perBatch = drawn == Drawn.PER_BATCH;
            int at = perBatch ? 0 : t;
            float[] all = new float[(at + 1) * count];
            Draws.key(seed, Purpose.ROUTING)
                    .with(step)
                    .with(perBatch ? -1 : batch.firstExample() + row)
                    .with(term)
                    .with(draw)
                    .uniforms(all, 0, all.length);
            return Arrays.copyOfRange(all, at * count, all.length);
        }

        private Tensor table(Routed routed) {
            int L = decomposition.sites().size();
            int rows = (int) batch.rows();
            int length = (int) batch.length();
            boolean[] flags = new boolean[L * rows * length];
            for (int i = 0; i < flags.length; i++) {
                int site = i / (rows * length);
                flags[i] = routed.at(site, i / length % rows, i % length);
            }
            return Tensors.of(flags, L, rows, length);
        }

        // S2, M1, M2
        private Tensor forward(MaskSource source, Tensor table, MaskDraws draws) {
            SortedMap<String, Replacement> replaced = new TreeMap<>();
            for (int site = 0; site < decomposition.sites().size(); site++) {
                DecomposedSite decomposed = decomposition.sites().get(site);
                Subcomponents parts = decomposition.subcomponents(decomposed);
                Tensor mask = mask(source, site, draws);
                Tensor share = deltaMask(source, decomposed.name(), draws).unsqueeze(2);
                Tensor routed = table.select(0, site).unsqueeze(2); // [B, T, 1]
                replaced.put(
                        decomposed.name(),
                        (input, weight, positions) -> {
                            Tensor through =
                                    input.matmul(parts.V())
                                            .mul(Positions.select(mask, positions))
                                            .matmul(parts.U());
                            Tensor rest =
                                    input.matmul(delta(parts).transpose(0, 1))
                                            .mul(Positions.select(share, positions));
                            return torch.where(
                                    Positions.select(routed, positions),
                                    through.add(rest),
                                    input.matmul(weight.transpose(0, 1)));
                        });
            }
            return decomposition.target().forward(batch, replaced, null).outputs();
        }

        private Tensor mask(MaskSource source, int site, MaskDraws draws) {
            Tensor g = lower.get(site);
            DecomposedSite decomposed = decomposition.sites().get(site);
            return switch (source) {
                case STOCHASTIC -> {
                    Tensor r =
                            draws.sources(
                                    batch,
                                    decomposed.name(),
                                    decomposed.count(),
                                    decomposition.target().type());
                    yield g.add(torch.ones_like(g).sub(g).mul(r));
                }
                case IMPORTANCE -> g;
                case ROUNDED ->
                        torch.where(g.gt(new Scalar(0.5)), torch.ones_like(g), torch.zeros_like(g));
                case ONES -> torch.ones_like(g);
                case ZERO -> torch.zeros_like(g);
            };
        }

        private Tensor deltaMask(MaskSource source, String site, MaskDraws draws) {
            long[] shape = {batch.rows(), batch.length()};
            return switch (stream.weightDelta()) {
                case NONE -> Tensors.zeros(decomposition.target().type(), shape);
                case ON -> Tensors.ones(decomposition.target().type(), shape);
                case STOCHASTIC ->
                        source == MaskSource.STOCHASTIC
                                ? draws.deltas(batch, site, decomposition.target().type())
                                : Tensors.zeros(decomposition.target().type(), shape);
            };
        }

        // L1
        private Tensor divergence(Tensor outputs) {
            return divergence(clean.outputs(), outputs);
        }

        private Tensor divergence(Tensor reference, Tensor outputs) {
            if (decomposition.target().outputs() != Outputs.LOGITS) {
                throw new IllegalArgumentException("the plain step knows logits only");
            }
            Tensor logP = Tensors.logSoftmax(reference);
            Tensor each = logP.exp().mul(logP.sub(Tensors.logSoftmax(outputs))); // [B, P, v]
            Tensor counted = batch.losses().counted();
            if (counted == null) {
                return each.sum().div(new Scalar(batch.losses().index().numel()));
            }
            Tensor weights = counted.to(decomposition.target().type()).unsqueeze(2);
            return each.mul(weights).sum().div(weights.sum());
        }

        // L4, L5
        private Tensor minimality(ImportanceMinimality term) {
            double p = term.p().at(step, steps);
            double z = term.zeroIsFree() ? Math.pow(term.epsilon(), p) : 0;
            double K =
                    term.positions() == PositionReduction.MEAN
                            ? Tensors.number(valid.sum())
                            : batch.rows();
            Tensor sum = Tensors.zeros(decomposition.target().type());
            for (Tensor g : upper) {
                Tensor powers = g.add(new Scalar(term.epsilon())).pow(new Scalar(p));
                Tensor A =
                        powers.sub(new Scalar(z))
                                .mul(valid.to(decomposition.target().type()).unsqueeze(2))
                                .sum(new long[] {0, 1}, false, new ScalarTypeOptional())
                                .div(new Scalar(K)); // [C]
                Tensor frequency = A.mul(A.mul(new Scalar(K)).add(new Scalar(1)).log2());
                sum = sum.add(A.add(frequency.mul(new Scalar(term.frequency()))).sum());
            }
            return sum;
        }

        // L6
        private Tensor usage(Usage term) {
            Tensor sum = Tensors.zeros(decomposition.target().type());
            for (Tensor g : upper) {
                Tensor seen =
                        torch.where(valid.unsqueeze(2), g, torch.full_like(g, new Scalar(-1)));
                Tensor f =
                        seen.amax(new long[] {1}, false)
                                .mean(new long[] {0}, false, new ScalarTypeOptional()); // [C]
                Tensor powers = f.add(new Scalar(term.offset())).pow(new Scalar(term.exponent()));
                double nothing = Math.pow(term.offset(), term.exponent());
                sum = sum.add(powers.sub(new Scalar(nothing)).sum());
            }
            return sum;
        }

        // L8
        private Tensor unusedEffect() {
            int site = (int) (step % decomposition.sites().size());
            Tensor g = upper.get(site).detach();
            Tensor largest =
                    g.mul(valid.to(decomposition.target().type()).unsqueeze(2))
                            .amax(new long[] {0, 1}, false)
                            .clamp_max(new Scalar(1)); // [C]
            Tensor none = alone(site, torch.zeros_like(largest)).detach();
            return divergence(none, alone(site, torch.ones_like(largest).sub(largest)));
        }

        private Tensor alone(int site, Tensor mask) {
            DecomposedSite decomposed = decomposition.sites().get(site);
            Subcomponents parts = decomposition.subcomponents(decomposed);
            double share = stream.weightDelta() == WeightDelta.ON ? 1 : 0;
            Replacement masked =
                    (input, _, _) ->
                            input.matmul(parts.V())
                                    .mul(mask)
                                    .matmul(parts.U())
                                    .add(
                                            input.matmul(delta(parts).transpose(0, 1))
                                                    .mul(new Scalar(share)));
            return decomposition
                    .target()
                    .forward(batch, Map.of(decomposed.name(), masked), null)
                    .outputs();
        }
    }

    /// Whether a site is replaced at a position.
    @FunctionalInterface
    private interface Routed {
        boolean at(int site, int row, int position);
    }
}
